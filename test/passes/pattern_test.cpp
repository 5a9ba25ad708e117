#include "passes/pattern.h"

#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

// Whether the pattern fits the node that gives the first output.
bool fits(const char* pattern, std::string_view lines) {
  auto g = graph_of(lines);
  REQUIRE(g.ok());
  const Vec<int> uses = g->count_uses();
  const Vec<RegionId> regions = g->node_regions();
  Match m{.graph = *g, .root = (*g)[g->outputs()[0]].def.node, .uses = uses, .region_of = regions};
  return matches(parse_pattern(pattern), m);
}

constexpr const char* kSum = R"(
    %x = input "x" : f32[2]
    %y = input "y" : f32[2]
    %c = constant 2.0 : f32[2]
    %m = mul(%c, %x)
    %z = add(%m, %y)
    output "z" = %z)";

}  // namespace

TEST_CASE("patterns match operators, numbers and values") {
  CHECK(fits("add(x, y)", kSum));
  CHECK(fits("add(mul(2, x), y)", kSum));
  CHECK(fits("sub|add(_, _)", kSum));
  CHECK(!fits("add(mul(3, x), y)", kSum));
  CHECK(!fits("sub(x, y)", kSum));
}

TEST_CASE("operands of commutative operators match in both orders") {
  CHECK(fits("add(y, mul(x, 2))", kSum));
  CHECK(fits("add(y, mul(2, x))", kSum));
  CHECK(!fits("add(mul(2, x), mul(2, x))", kSum));
}

TEST_CASE("a trait stands for all operators that have it") {
  constexpr const char* kShapes = R"(
    %x = input "x" : f32[2, 3]
    %f = flatten(%x)
    %s = constant [6] : i64[1]
    %y = reshape(%f, %s)
    output "y" = %y)";
  CHECK(fits("<reshapes>(x, ...)", kShapes));
  CHECK(fits("<reshapes>(<reshapes>(x, ...), ...)", kShapes));
  CHECK(!fits("<reshapes>(x, ...)", kSum));
  CHECK(!fits("<reshapes>(<reshapes>(<reshapes>(x, ...), ...), ...)", kShapes));
}

TEST_CASE("a name stands for one value") {
  const char* lines = R"(
    %x = input "x" : f32[2]
    %y = input "y" : f32[2]
    %z = max(%x, %y)
    output "z" = %z)";
  CHECK(fits("max(a, b)", lines));
  CHECK(!fits("max(a, a)", lines));
}

TEST_CASE("all inputs are named unless the list is open") {
  const char* lines = R"(
    %x = input "x" : f32[2]
    %l = constant 0.0 : f32[]
    %z = clip(%x, %l)
    output "z" = %z)";
  CHECK(!fits("clip(x)", lines));
  CHECK(fits("clip(x, ...)", lines));
  CHECK(fits("clip(x, l)", lines));
  CHECK(!fits("clip(x, l, h)", lines));
}

TEST_CASE("only the first output of a node is matched through") {
  const char* lines = R"(
    %x = input "x" : f32[4]
    %a, %b = split(%x) {num_outputs = 2}
    %z = neg(%b)
    output "z" = %z)";
  CHECK(fits("neg(x)", lines));
  CHECK(!fits("neg(split(x))", lines));
}

}  // namespace rlx::test
