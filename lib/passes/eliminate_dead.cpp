#include "passes/eliminate_dead.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "passes/walk.h"

namespace rlx {
namespace {

class Liveness {
 public:
  explicit Liveness(const Graph& g) : g_(g), nodes_(g.nodes.size()), values_(g.values.size()) {
    use(g.outputs());
    const Vec<NodeId> order = execution_order(g);
    // A node comes after the nodes of its regions, so backwards it says first which of these it
    // needs.
    std::for_each(order.rbegin(), order.rend(), [&](NodeId id) { visit(id); });
  }

  bool is_live(NodeId id) const { return nodes_[id.index]; }

 private:
  void visit(NodeId id) {
    const Node& node = g_[id];
    const bool used = std::any_of(node.outputs.begin(), node.outputs.end(),
                                  [&](ValueId v) { return values_[v.index]; });
    if (!used && node.op().effect != Effect::kState) return;
    nodes_[id.index] = true;
    use(node.inputs);
    for (const RegionId r : node.regions) use(g_[r].results);
  }

  void use(const Values& values) {
    for (const ValueId v : values) {
      if (v.valid()) values_[v.index] = true;
    }
  }

  const Graph& g_;
  Vec<bool> nodes_;
  Vec<bool> values_;
};

// Captures that neither the region's nodes nor the regions inside it use.
void drop_unused_captures(Graph& g) {
  Vec<RegionId> regions = g.live_regions();
  // Inner regions first.
  std::reverse(regions.begin(), regions.end());
  for (const RegionId r : regions) {
    std::set<ValueId> used(g[r].results.begin(), g[r].results.end());
    for (const NodeId id : g[r].nodes) {
      used.insert(g[id].inputs.begin(), g[id].inputs.end());
      for (const RegionId inner : g[id].regions) {
        used.insert(g[inner].captures.begin(), g[inner].captures.end());
      }
    }
    std::erase_if(g[r].captures, [&](ValueId v) { return !used.contains(v); });
  }
}

// Symbols that only the run tells and that nothing speaks of.
void drop_untold_symbols(Graph& g) {
  std::unordered_set<SymbolName, HashOf> used;
  const auto look = [&](const Vec<Dim>& dims) {
    for (const Dim& d : dims) {
      each_atom(d, [&](const Atom& a) {
        if (a.kind == Atom::Kind::kSymbol) used.insert(a.symbol);
      });
    }
  };
  for (const Value& v : g.values) look(v.type.shape), look(v.def.dims);
  for (const Region& r : g.regions) {
    for (const Fact& f : r.facts) look({f.a, f.b});
  }
  g.symbols.erase_if([&](const Symbol& s) {
    return s.source == Symbol::Source::kData && !used.contains(s.key());
  });
}

}  // namespace

Status eliminate_dead(Graph& g) {
  const Liveness live(g);
  for (const RegionId r : g.live_regions()) {
    std::erase_if(g[r].nodes, [&](NodeId id) { return !live.is_live(id); });
  }
  drop_unused_captures(g);
  g = compacted(g);
  drop_untold_symbols(g);
  return {};
}

}  // namespace rlx
