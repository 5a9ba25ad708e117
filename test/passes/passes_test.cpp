#include <algorithm>

#include <catch2/catch.hpp>

#include "ir/text.h"
#include "ir/verifier.h"
#include "passes/bind_dims.h"
#include "passes/eliminate_dead.h"
#include "passes/fold_constants.h"
#include "passes/pipeline.h"
#include "passes/simplify.h"
#include "test/oracle/run.h"

namespace rlx::test {
namespace {

Graph made(std::string_view lines) {
  auto g = graph_of(lines);
  if (!g) FAIL(rlx::to_text(g.error()));
  return *g;
}

std::string without_graph(const Graph& g) { return rlx::to_text(g); }

}  // namespace

TEST_CASE("inference tells all problems at once") {
  auto g = graph_of(R"(
    %x = input "x" : f32[2, 3]
    %y = input "y" : f32[4]
    %a = add(%x, %y) : ? @ ["/first"]
    %b = matmul(%x, %x) : ? @ ["/second"]
    %c = exp(%a) : ? @ ["/third"]
    %d = softmax(%x) {axis = 7} : ? @ ["/fourth"]
    output "c" = %c
    output "b" = %b
    output "d" = %d)");
  REQUIRE(!g.ok());
  Vec<std::string> nodes;
  for (const Diagnostic& d : g.error().items) nodes.push_back(d.node);
  // What depends on a problem is none of its own.
  CHECK(nodes == Vec<std::string>{"/first", "/second", "/fourth"});
}

TEST_CASE("inference refuses element types that an operator does not take") {
  CHECK(inferred("%x = input \"x\" : i32[2]\n%y = exp(%x)\noutput \"y\" = %y").find("RLX-E4501") !=
        std::string::npos);
}

TEST_CASE("optimised graphs compute what the model computes") {
  const char* lines = R"(
    %x = input "x" : f32[b, s, 8]
    %w = constant [0.5, -1.0] : f32[2]
    %h = shape(%x) {end = 2}
    %t = constant [2, 4] : i64[2]
    %c = concat(%h, %t)
    %r = reshape(%x, %c)
    %p = transpose(%r) {perm = [0, 2, 1, 3]}
    %a = constant [1] : i64[1]
    %wu = unsqueeze(%w, %a)
    %wv = unsqueeze(%wu, %a)
    %m = mul(%p, %wv)
    %q = transpose(%m) {perm = [0, 2, 1, 3]}
    %back = shape(%x)
    %y = reshape(%q, %back)
    %z = add(%y, %x)
    output "z" = %z)";
  Graph plain = made(lines);
  auto optimised = optimise(plain);
  REQUIRE(optimised.ok());
  CHECK(optimised->top().nodes.size() < plain.top().nodes.size());
  const Tensor x = random_f32({2, 3, 8});
  auto want = interpret(plain, {x});
  auto got = interpret(*optimised, {x});
  REQUIRE(want.ok());
  REQUIRE(got.ok());
  CHECK(near((*got)[0], (*want)[0], 0));
}

TEST_CASE("optimising twice changes nothing more") {
  Graph g = *optimise(made(R"(
    %x = input "x" : f32[n, 4, 4, 4]
    %w = constant 0.5 : f32[4, 4, 1, 1]
    %c = conv(%x, %w)
    %k = constant [1.0, 2.0, 3.0, 4.0] : f32[4]
    %a = constant [1, 2] : i64[2]
    %u = unsqueeze(%k, %a)
    %y = mul(%c, %u)
    %z = add(%y, %u)
    output "z" = %z)"));
  CHECK(without_graph(*optimise(g)) == without_graph(g));
}

TEST_CASE("an index that is a number is told where it lies outside of its axis") {
  auto g = graph_of(R"(
    %d = constant [1.0, 2.0] : f32[2]
    %i = constant [5] : i64[1]
    %y = gather(%d, %i) @ ["/gather"]
    output "y" = %y)");
  REQUIRE(!g.ok());
  CHECK(g.error().first().node == "/gather");
  CHECK(g.error().exit_code() == 3);
}

TEST_CASE("folded products are those of a run") {
  const char* lines = R"(
    %x = input "x" : f32[2, 3]
    %w = constant [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] : f32[3, 2]
    %y = matmul(%x, %w)
    %z = tanh(%y)
    output "z" = %z)";
  const Tensor x = random_f32({2, 3});
  Graph g = made(lines);
  auto want = interpret(g, {x});
  REQUIRE(want.ok());
  const Constant c = make_constant(DType::kF32, x.shape, x.bytes);
  const ValueId constant = g.add_constant(c);
  g.replace_uses({{g.inputs()[0], constant}});
  REQUIRE(fold_constants(g).ok());
  const Constant* folded = g.constant_of(g.outputs()[0]);
  REQUIRE(folded);
  const Bytes bytes = folded->data.bytes();
  CHECK(std::equal(bytes.begin(), bytes.end(), bytes_of((*want)[0].bytes).begin()));
}

TEST_CASE("binding a dim to 1 frees a broadcast from its assumption") {
  Graph g = made(R"(
    %x = input "x" : f32[a, 4]
    %y = input "y" : f32[b, 4]
    %z = add(%x, %y)
    output "z" = %z)");
  CHECK(g.top().facts.size() == 1);
  auto one = bind_dims(g, {{"a", 1}});
  REQUIRE(one.ok());
  CHECK(one->top().facts.empty());
  CHECK(rlx::to_text((*one)[one->outputs()[0]].type) == "f32[b, 4]");
  auto three = bind_dims(g, {{"a", 3}});
  REQUIRE(three.ok());
  CHECK(three->symbols.empty());
  CHECK(rlx::to_text((*three)[three->outputs()[0]].type) == "f32[3, 4]");
}

TEST_CASE("binding follows sums of symbols") {
  Graph g = made(R"(
    %p = input "past" : f32[a, 4]
    %q = input "other" : f32[b, 4]
    %x = input "x" : f32[n, 4]
    %u = concat(%p, %x)
    %v = concat(%q, %x)
    %z = add(%u, %v)
    output "z" = %z)");
  auto bound = bind_dims(g, {{"a", 3}});
  REQUIRE(bound.ok());
  CHECK(bound->find_symbol("b") == nullptr);
  CHECK(rlx::to_text((*bound)[bound->outputs()[0]].type) == "f32[n + 3, 4]");
}

TEST_CASE("binding tells every wrong name and value") {
  Graph g = made("%x = input \"x\" : f32[a, b]\n%y = relu(%x)\noutput \"y\" = %y");
  auto bound = bind_dims(g, {{"c", 1}, {"a", -1}, {"b", 2}, {"b", 3}});
  REQUIRE(!bound.ok());
  Vec<int> codes;
  for (const Diagnostic& d : bound.error().items) codes.push_back(d.code);
  CHECK(codes == Vec<int>{5501, 5502, 5503});
  CHECK(bind_dims(g, {{"a", 2}, {"a", 2}}).ok());
  CHECK(bind_dims(g, {}).ok());
}

TEST_CASE("passes can be switched off, timed and printed") {
  const char* lines = "%x = input \"x\" : f32[2]\n%y = neg(%x)\n%z = neg(%y)\noutput \"z\" = %z";
  Vec<PassTime> times;
  Vec<std::string> printed;
  PassOptions options{
      .off = {"simplify"},
      .print_after = "all",
      .print = [&](std::string_view pass, const Graph&) { printed.emplace_back(pass); },
      .times = &times};
  auto g = optimise(made(lines), options);
  REQUIRE(g.ok());
  CHECK(g->top().nodes.size() == 2);
  CHECK(printed.size() == times.size());
  CHECK(std::find(printed.begin(), printed.end(), "simplify") == printed.end());
  CHECK(optimise(made(lines))->top().nodes.empty());
  CHECK(!run_passes(made(lines), {"nonsense"}).ok());
  Vec<std::string> names = pass_names();
  CHECK(std::is_sorted(names.begin(), names.end()));
}

}  // namespace rlx::test
