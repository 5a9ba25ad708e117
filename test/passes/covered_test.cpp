// What the tables of passes and rules list is tried by a text test of this folder.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "ir/text.h"
#include "passes/pipeline.h"
#include "passes/rules/rules.h"

namespace rlx::test {
namespace {

const std::filesystem::path kFolder = RLX_TEST_SOURCE_DIR "/passes";

// The graphs of simplify_*.mir as they are read and as they are after each pass.
Vec<Graph> graphs_of_tests() {
  Vec<Graph> graphs;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (!entry.path().filename().string().starts_with("simplify_")) continue;
    INFO(entry.path());
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    auto read = parse_graph(text.str());
    REQUIRE(read.ok());
    for (Math m : {Math::kExact, Math::kDefault, Math::kFast}) {
      const auto keep = [&](std::string_view, const Graph& g) { graphs.push_back(g); };
      CHECK(optimise(*read, {.math = m, .print_after = "all", .print = keep}).ok());
    }
  }
  return graphs;
}

bool rewrites(const Rule& rule, const Pattern& from, Graph& g, RegionId region, NodeId id) {
  const Vec<int> uses = g.count_uses();
  const Vec<RegionId> regions = g.node_regions();
  Match m{.graph = g, .root = id, .uses = uses, .region_of = regions};
  const Node& n = g[id];
  const bool is_root =
      std::find(from.names.begin(), from.names.end(), n.op_name()) != from.names.end();
  if (!is_root || !matches(from, m) || (rule.guard && !rule.guard(m))) return false;
  if (!rule.build) return true;
  GraphBuilder builder(g, region, n.origin);
  return rule.build(m, builder).has_value();
}

bool rewrites(const Rule& rule, const Graph& g) {
  const Pattern from = parse_pattern(rule.from);
  for (RegionId region : g.live_regions()) {
    for (NodeId id : g[region].nodes) {
      // What is built goes into a graph of its own.
      Graph copy = g;
      if (rewrites(rule, from, copy, region, id)) return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("every pass has a text test of its name") {
  for (const std::string& pass : pass_names()) {
    INFO(pass);
    const auto is_its = [&](const std::filesystem::directory_entry& entry) {
      return entry.path().stem().string().starts_with(pass);
    };
    const std::filesystem::directory_iterator files(kFolder);
    CHECK(std::any_of(begin(files), end(files), is_its));
  }
}

TEST_CASE("every rule rewrites something in a text test") {
  const Vec<Graph> graphs = graphs_of_tests();
  for (std::span<const Rule> family : all_rules()) {
    for (const Rule& rule : family) {
      INFO(rule.from << " -> " << rule.to << ", " << name(rule.allowed.least()));
      CHECK(std::any_of(graphs.begin(), graphs.end(),
                        [&](const Graph& g) { return rewrites(rule, g); }));
    }
  }
}

}  // namespace rlx::test
