// Rules say how exact they are; docs/numerics.md lists those that are not, and those that say they are give
// the same bits.
#include <algorithm>
#include <bit>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "ir/text.h"
#include "passes/pipeline.h"
#include "passes/rules/rules.h"
#include "test/oracle/run.h"

namespace rlx::test {
namespace {

using Lines = std::set<std::string>;

Lines declared(Math level) {
  Lines lines;
  for (std::span<const Rule> family : all_rules()) {
    for (const Rule& rule : family) {
      if (rule.allowed.least() == level) lines.insert(std::string(rule.from));
    }
  }
  return lines;
}

// The first cells of the table below this heading.
Lines listed(std::string_view heading) {
  std::ifstream in(RLX_TEST_SOURCE_DIR "/../docs/numerics.md");
  REQUIRE(in.good());
  Lines lines;
  std::string line;
  while (std::getline(in, line) && !line.starts_with(heading)) {
  }
  while (std::getline(in, line) && line.starts_with("|")) {
    if (line.starts_with("| `")) lines.insert(line.substr(3, line.find("` |") - 3));
  }
  return lines;
}

// Where arithmetic has an edge.
Tensor edges(size_t count) {
  const float values[] = {0,         -0.0F,     1,          -1,     1.5F,     -2.25F,    1e-45F,
                          -1e-40F,   1e-38F,    3e38F,      -3e38F, INFINITY, -INFINITY, NAN,
                          0.333333F, 1048577.F, 16777217.F, 1e-20F, -1e20F,   7};
  Vec<float> x;
  for (size_t i = 0; i < count; ++i) x.push_back(values[(i * 7 + i / 20) % std::size(values)]);
  return f32({static_cast<int64_t>(count) / 4, 4}, x);
}

bool is_same(const Tensor& a, const Tensor& b) {
  if (a.bytes.size() != b.bytes.size() || a.dtype != b.dtype) return false;
  if (a.dtype != DType::kF32) return a.bytes == b.bytes;
  for (size_t i = 0; i + 4 <= a.bytes.size(); i += 4) {
    float x = 0, y = 0;
    std::memcpy(&x, a.bytes.data() + i, 4);
    std::memcpy(&y, b.bytes.data() + i, 4);
    const bool same = std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
    const bool both_nan = x != x && y != y;
    if (!same && !both_nan) return false;
  }
  return true;
}

Vec<Tensor> results(const Graph& g, const Tensor& x, const PassOptions& options) {
  auto optimised = optimise(g, options);
  if (!optimised) FAIL(rlx::to_text(optimised.error()));
  auto out = interpret(*optimised, {x});
  REQUIRE(out.ok());
  return *out;
}

// Every root of a rule, on one input of edges.
const char* const kGraphs[] = {
    R"(%x = input "x" : f32[20, 4]
    %zero = constant 0.0 : f32[]
    %minus = constant -0.0 : f32[]
    %one = constant 1.0 : f32[]
    %two = constant 4.0 : f32[]
    %low = constant 0.0 : f32[]
    %high = constant -1.0 : f32[]
    %a = add(%x, %zero)
    output "a" = %a
    %b = add(%x, %minus)
    output "b" = %b
    %c = sub(%x, %zero)
    output "c" = %c
    %d = sub(%x, %minus)
    output "d" = %d
    %e = mul(%x, %one)
    output "e" = %e
    %f = div(%x, %two)
    output "f" = %f
    %g = pow(%x, %one)
    output "g" = %g
    %h1 = clip(%x, %low, %high)
    %h = relu(%h1)
    output "h" = %h
    %i1 = neg(%x)
    %i = neg(%i1)
    output "i" = %i
    %j1 = sigmoid(%x)
    %j = relu(%j1)
    output "j" = %j
    %k1 = cast(%x) {to = f64}
    %k = cast(%k1) {to = i8}
    output "k" = %k
    %l1 = floor(%x)
    %l = round(%l1)
    output "l" = %l)",
    R"(%x = input "x" : f32[20, 4]
    %s = constant 0.7 : f32[]
    %t = constant 0.3 : f32[]
    %a = mul(%x, %s)
    %b = mul(%a, %t)
    output "b" = %b
    %w = constant [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] : f32[4, 2]
    %c = matmul(%a, %w)
    output "c" = %c
    %tw = constant 2.0 : f32[]
    %ha = constant 0.5 : f32[]
    %p = pow(%x, %tw)
    %q = pow(%x, %ha)
    %r = max(%p, %q)
    output "r" = %r)",
    R"(%x = input "x" : f32[20, 4]
    %shape = constant [4, 1, 4, 5] : i64[4]
    %i = reshape(%x, %shape)
    %w = constant [0.1, 0.7, -0.3] : f32[3, 1, 1, 1]
    %s = constant [1.1, 0.9, 2.3] : f32[3]
    %b = constant [0.5, 0.25, 0.0] : f32[3]
    %m = constant [0.1, -1.0, 0.0] : f32[3]
    %v = constant [1.3, 0.7, 2.0] : f32[3]
    %c = conv(%i, %w)
    %n = batch_normalization(%c, %s, %b, %m, %v)
    %r = relu(%n)
    output "r" = %r)",
};

}  // namespace

TEST_CASE("rules that round otherwise than the model are listed with their bounds") {
  CHECK(declared(Math::kDefault) == listed("| rule in `default`"));
  CHECK(declared(Math::kFast) == listed("| rule in `fast`"));
  // A pattern that stands in two levels is the same rule for other types.
  CHECK(!declared(Math::kDefault).empty());
}

TEST_CASE("in exact math, results have the same bits with and without each pass") {
  for (const char* lines : kGraphs) {
    auto g = graph_of(lines);
    if (!g) FAIL(rlx::to_text(g.error()));
    const Tensor x = edges(80);
    const Vec<Tensor> want = results(*g, x, {.math = Math::kExact});
    Vec<Vec<std::string>> offs{optional_passes()};
    for (const std::string& pass : optional_passes()) offs.push_back({pass});
    for (const Vec<std::string>& off : offs) {
      const Vec<Tensor> got = results(*g, x, {.off = off, .math = Math::kExact});
      for (size_t i = 0; i < want.size(); ++i) {
        INFO("without " << off.front() << ", output " << i << " of\n" << lines);
        CHECK(is_same(got[i], want[i]));
      }
    }
  }
}

TEST_CASE("names of levels") {
  for (Math m : {Math::kExact, Math::kDefault, Math::kFast}) CHECK(math_named(name(m)) == m);
  CHECK(!math_named("sloppy"));
}

}  // namespace rlx::test
