// What is fused, and how kernels run, follows from the menu's costs: they are weighed, and nearly as well as by
// trying everything.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <map>
#include <random>
#include <set>

#include "backend/cpu/cpu.h"
#include "ir/text.h"
#include "kernel/estimate.h"
#include "plan/choose.h"
#include "plan/group.h"
#include "plan/layout.h"
#include "plan/plan.h"

namespace rlx::test {
namespace {

using backend::cpu::menu;

Target target() { return *parse_target("cpu:x86-64-v3"); }

Graph graph(const std::string& text) {
  auto g = parse_graph(text);
  if (!g) FAIL(to_text(g.error()) + text);
  return std::move(*g);
}

// ---- A menu with another price ----------------------------------------------------------------

Result<Vec<Alternative>> without_cheap_tiles(const Kernel& k, const Target& t) {
  RLX_TRY(Vec<Alternative> rows, menu(k, t));
  for (Alternative& row : rows) {
    if (row.choice.algorithm == "conv.direct") row.cost = row.cost * 10;
  }
  return rows;
}

const char* const kConvolution = R"(graph "test" {
  %x = input "x" : f32[1, 8, 12, 12]
  %w = input "w" : f32[8, 8, 3, 3]
  %y = conv(%x, %w) {pads = [1, 1, 1, 1]}
  output "y" = %y
})";

Vec<std::string> algorithms(const std::string& text, Menu of) {
  auto p = plan(graph(text), target(), of, {});
  if (!p) FAIL(to_text(p.error()));
  Vec<std::string> names;
  for (const PlannedKernel& k : p->kernels) names.push_back(k.choice.algorithm);
  return names;
}

bool uses(const Vec<std::string>& algorithms, std::string_view name) {
  return std::ranges::count(algorithms, name) != 0;
}

// ---- Trying everything ------------------------------------------------------------------------

Vec<Unit> units(const Graph& g) {
  auto u = units_of(g, Graph::kTop, true);
  if (!u) FAIL(to_text(u.error()));
  return std::move(*u);
}

Cost price(const Kernel& k) {
  auto rows = menu(k, target());
  return rows ? cheapest(*rows).cost : Cost::most();
}

// Of kernels in the rows chosen for them, and of the copies between them.
Cost cost_of(const Graph& g, const Vec<Unit>& units, const Vec<Alternative>& rows) {
  Lir lir;
  lir.graph = g;
  lay_out(lir, units, Views(g.values.size()), rows, false);
  Cost sum;
  for (const Alternative& row : rows) sum += row.cost;
  for (const Group& group : lir.groups) {
    if (!group.nodes.empty()) continue;
    const Placed &from = lir.placed[group.args[0]], &to = lir.placed[group.args[1]];
    sum += price(copy_kernel(g, from.value, from.storage, to.storage));
  }
  return sum;
}

// The least over all rows of all menus.
Cost best_rows(const Graph& g, const Vec<Unit>& units) {
  Vec<Vec<Alternative>> menus;
  for (const Unit& u : units) menus.push_back(*menu(u.kernel, target()));
  Vec<size_t> at(units.size());
  Cost least = Cost::most();
  for (;;) {
    Vec<Alternative> rows;
    for (size_t u = 0; u < units.size(); ++u) rows.push_back(menus[u][at[u]]);
    least = std::min(least, cost_of(g, units, rows));
    size_t u = 0;
    while (u < units.size() && ++at[u] == menus[u].size()) at[u++] = 0;
    if (u == units.size()) return least;
  }
}

std::string key_of(const Vec<Unit>& units) {
  std::set<std::string> parts;
  for (const Unit& u : units) {
    std::set<uint32_t> nodes;
    for (const NodeId n : u.nodes) nodes.insert(n.index);
    std::string part;
    for (const uint32_t n : nodes) part += std::to_string(n) + " ";
    parts.insert(part);
  }
  std::string key;
  for (const std::string& part : parts) key += part + "|";
  return key;
}

// The least over all that can be merged, in whatever order.
class Exhaustive {
 public:
  explicit Exhaustive(const Graph& g) : g_(g), base_(units(g)) {}

  Cost run() {
    visit({});
    return least_;
  }

 private:
  void visit(const Vec<Fusion>& fusions) {
    auto now = replay_groups(base_, g_, fusions);
    if (!now || !seen_.insert(key_of(*now)).second) return;
    least_ = std::min(least_, best_rows(g_, *now));
    for (const Unit& w : *now) {
      for (const Unit& r : *now) {
        if (&w == &r) continue;
        Vec<Fusion> more = fusions;
        more.push_back({w.nodes[0], r.nodes[0]});
        visit(more);
      }
    }
  }

  const Graph& g_;
  Vec<Unit> base_;
  std::set<std::string> seen_;
  Cost least_ = Cost::most();
};

Cost planned_cost(const Graph& g) {
  Groups groups = decide_groups(units(g), g, price);
  return cost_of(g, groups.units, *choose(groups.units, g, target(), menu));
}

// At most eight nodes over images of one shape.
std::string random_text(std::mt19937& rng) {
  auto below = [&](size_t n) { return static_cast<size_t>(rng() % n); };
  const size_t side = 4 + below(20), channels = 8 * (1 + below(8));
  std::string text = fmt::format(
      "graph \"test\" {{\n  %x = input \"x\" : f32[1, {0}, {1}, {1}]\n"
      "  %w = input \"w\" : f32[{0}, {0}, 3, 3]\n",
      channels, side);
  Vec<std::string> values{"%x"}, unused;
  const size_t nodes = 3 + below(6);
  for (size_t n = 0; n < nodes; ++n) {
    auto any = [&] {
      // Mostly the latest, so that chains come.
      return below(3) != 0 ? values.back() : values[below(values.size())];
    };
    const std::string a = any(), b = any(), out = "%v" + std::to_string(n);
    // The first three read both.
    const Vec<std::string> made = {
        fmt::format("add({}, {})", a, b),
        fmt::format("mul({}, {})", b, a),
        fmt::format("max({}, {})", a, b),
        fmt::format("relu({})", a),
        fmt::format("conv({}, %w) {{pads = [1, 1, 1, 1]}}", a),
        fmt::format("max_pool({}) {{kernel_shape = [3, 3], pads = [1, 1, 1, 1]}}", a),
        fmt::format("softmax({})", a),
        fmt::format("transpose({}) {{perm = [0, 1, 3, 2]}}", a),
        fmt::format("tanh({})", a),
    };
    const size_t pick = below(made.size());
    text += "  " + out + " = " + made[pick] + "\n";
    std::erase(unused, a);
    if (pick < 3) std::erase(unused, b);
    values.push_back(out);
    unused.push_back(out);
  }
  for (size_t i = 0; i < unused.size(); ++i) {
    text += fmt::format("  output \"y{}\" = {}\n", i, unused[i]);
  }
  return text + "}\n";
}

}  // namespace

TEST_CASE("the menu's costs decide which algorithm runs") {
  CHECK(uses(algorithms(kConvolution, menu), "conv.direct"));
  CHECK_FALSE(uses(algorithms(kConvolution, without_cheap_tiles), "conv.direct"));
}

TEST_CASE("no merge takes a product off its tile") {
  const Vec<std::string> names = algorithms(R"(graph "test" {
    %x = input "x" : f32[1, 16, 12, 12]
    %y = input "y" : f32[1, 16, 12, 12]
    %w = input "w" : f32[16, 16, 3, 3]
    %p = max_pool(%x) {kernel_shape = [3, 3], pads = [1, 1, 1, 1]}
    %c = conv(%y, %w) {pads = [1, 1, 1, 1]}
    %s = add(%p, %c)
    output "s" = %s
  })",
                                            menu);
  CHECK(uses(names, "conv.direct"));
}

TEST_CASE("a plan costs little more than the best of all") {
  std::mt19937 rng(10);
  double worst = 1;
  for (int i = 0; i < 200; ++i) {
    const std::string text = random_text(rng);
    const Graph g = graph(text);
    const Cost best = Exhaustive(g).run(), got = planned_cost(g);
    const double ratio = static_cast<double>(got.cycles) / static_cast<double>(best.cycles);
    worst = std::max(worst, ratio);
    INFO(text << got.cycles << " cycles, where " << best.cycles << " are possible");
    CHECK(ratio <= 1.05);
  }
  WARN("the worst of 200 plans costs " << worst << " of the best");
}

}  // namespace rlx::test
