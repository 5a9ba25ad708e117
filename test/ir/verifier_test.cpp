#include "ir/verifier.h"

#include <catch2/catch.hpp>

#include "fake_ops.h"
#include "ir/text.h"

namespace rlx {
namespace {

constexpr const char* kSound = R"(graph "" {
  %0 = input "x" : f32[n, 3]
  %1 = input "flag" : bool[]
  %2 = constant [1.0, 2.0, 3.0] : f32[3]
  %3 = add(%0, %2) : f32[n, 3]
  %4 = if(%1) : f32[n, 3] {
    region () captures (%3) {
      %5 = add(%3, %2) : f32[n, 3]
      yield %5
    }
    region () captures (%0) { yield %0 }
  }
  output "y" = %4
})";

Graph graph(std::string_view text = kSound) {
  auto g = parse_graph(text);
  if (!g) FAIL(to_text(g.error()));
  return *g;
}

// The violations of a graph, one a line.
std::string problems(const Graph& g, Level level = Level::kMir) {
  Status s = verify(g, level);
  std::string all;
  if (s) return all;
  for (const Diagnostic& d : s.error().items) {
    CHECK(d.code == 1001);
    all += d.message + '\n';
  }
  return all;
}

bool tells(const std::string& all, std::string_view one) {
  INFO(all);
  CHECK(all.find(one) != std::string::npos);
  return true;
}

}  // namespace

TEST_CASE("a sound graph passes") {
  CHECK(problems(graph()).empty());
  CHECK(problems(graph(), Level::kHir).empty());
  CHECK(problems(compacted(graph())).empty());
}

TEST_CASE("structure") {
  Graph g = graph();
  std::swap(g.top().nodes[0], g.top().nodes[1]);
  tells(problems(g), "use %3, which is not defined before or not captured");

  g = graph();
  g.regions[1].captures.clear();
  tells(problems(g), "use %3, which is not defined before or not captured");

  g = graph();
  g.top().nodes.emplace_back(0);
  tells(problems(g), "stands in two places");
  g.top().nodes.back() = NodeId(77);
  tells(problems(g), "a node that is not there");

  g = graph();
  g.nodes[1].regions[1] = g.nodes[1].regions[0];
  tells(problems(g), "has another owner");
  g.nodes[1].regions[1] = Graph::kTop;
  tells(problems(g), "has another owner");

  g = graph();
  g.values[3].def.index = 1;
  tells(problems(g), "%3 does not know what defines it");

  g = graph();
  g.nodes[0].inputs[0] = ValueId(999);
  tells(problems(g), "use %999");
  g.nodes[0].inputs[0] = g.nodes[0].outputs[0];
  tells(problems(g), "use %3");

  // A region does not see what its owner gives.
  g = graph();
  g.regions[2].captures = {ValueId(4)};
  g.regions[2].results = {ValueId(4)};
  tells(problems(g), "use %4");
}

TEST_CASE("operators") {
  Graph g = graph();
  g.nodes[0].inputs.pop_back();
  tells(problems(g), "has 1 inputs");
  g.nodes[0].inputs.emplace_back();
  tells(problems(g), "lacks input 1");

  g = graph();
  g.nodes[1].regions.pop_back();
  tells(problems(g), "has 1 regions");

  g = graph();
  g.nodes[0].origin.clear();
  tells(problems(g), "has no origin");
  g.nodes[0].origin = {"b", "a"};
  tells(problems(g), "out of order");
  g.nodes[0].origin = {"a", "a"};
  tells(problems(g), "out of order");

  g = graph("graph \"\" { %0 = input \"x\" : string[2] %1 = add(%0, %0) output \"y\" = %1 }");
  tells(problems(g), "does not take string");

  g = graph("graph \"\" { %0 = input \"x\" : f32[2] %1 = block(%0) output \"y\" = %1 }");
  tells(problems(g), "is not expanded");
  CHECK(problems(g, Level::kHir).empty());
}

TEST_CASE("types, symbols and constants") {
  Graph g = graph();
  g.values[3].type.shape[1] = 4;
  tells(problems(g), "gives %3 the type f32[n, 3], stored is f32[n, 4]");
  CHECK(problems(g, Level::kHir).empty());

  g = graph();
  g.values[3].type = Type::unknown();
  tells(problems(g), "%3 has no type");

  g = graph();
  g.symbols.clear();
  tells(problems(g), "uses symbol n, which is not in the table");
  g.symbols.clear();
  g.symbols.push_back({.name = "n", .min = 5, .max = 2});
  g.symbols.push_back({.name = "n"});
  tells(problems(g), "an impossible range");
  tells(problems(g), "twice");

  g = graph();
  g.constants[0].data = ConstantData::owned("abc");
  tells(problems(g), "%2 has 3 bytes of data");
  g.constants[0].shape = {4};
  tells(problems(g), "%2 has another type than its data");

  g = graph();
  g.output_names.clear();
  tells(problems(g), "not every output has a name");
}

TEST_CASE("types are compared by the facts") {
  Graph g = graph(R"(graph "" {
    symbol m = data
    %0 = input "x" : f32[n]
    %1 = input "s" : i64[1]
    %2 = reshape(%0, %1) : f32[m]
    %3 = add(%0, %0) : f32[k]
    output "y" = %2
    output "z" = %3
    assume k == n
    symbol k = data
  })");
  // The symbol that inference makes of itself may be any.
  CHECK(problems(g).empty());
  g.top().facts.clear();
  tells(problems(g), "gives %3 the type f32[n], stored is f32[k]");
  g.top().facts.push_back({.a = Dim::symbol("k") * 2, .b = Dim::symbol("n") * 2});
  tells(problems(g), "gives %3");
  g.top().facts.push_back(
      {.a = Dim::symbol("n") + Dim::symbol("m"), .b = Dim::symbol("k") + Dim::symbol("m")});
  CHECK(problems(g).empty());
}

}  // namespace rlx
