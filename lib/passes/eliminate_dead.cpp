#include "passes/eliminate_dead.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "ir/tellers.h"
#include "passes/walk.h"

namespace rlx {
namespace {

class Liveness {
 public:
  explicit Liveness(const Graph& g) : g_(g), nodes_(g.nodes.size()), values_(g.values.size()) {
    const Vec<NodeId> order = execution_order(g);
    for (const auto& [symbol, tellers] : tellers_of(g, order)) {
      for (const NodeId teller : tellers) told_by_[teller].push_back(symbol);
    }
    for (const RegionId r : g.live_regions()) {
      for (const Fact& f : g[r].facts) mention({f.a, f.b});
    }
    use(g.outputs());
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
    if (!used && node.op().effect != Effect::kState && !tells(id)) return;
    nodes_[id.index] = true;
    use(node.inputs);
    use_types(node.outputs);
    for (const RegionId r : node.regions) use(g_[r].results);
  }

  // Whether something that is alive speaks of a symbol that the node tells.
  bool tells(NodeId id) const {
    const auto told = told_by_.find(id);
    return told != told_by_.end() &&
           std::ranges::any_of(told->second, [&](SymbolName s) { return mentioned_.contains(s); });
  }

  void use(const Values& values) {
    for (const ValueId v : values) {
      if (v.valid()) values_[v.index] = true;
    }
    use_types(values);
  }

  void use_types(const Values& values) {
    if (told_by_.empty()) return;
    for (const ValueId v : values) {
      if (v.valid()) mention(g_[v].type.shape), mention(g_[v].def.dims);
    }
  }

  void mention(const Vec<Dim>& dims) {
    for (const Dim& d : dims) each_symbol(d, [&](SymbolName s) { mentioned_.insert(s); });
  }

  const Graph& g_;
  Vec<bool> nodes_;
  Vec<bool> values_;
  std::map<NodeId, Vec<SymbolName>> told_by_;
  std::unordered_set<SymbolName, HashOf> mentioned_;
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
    for (const Dim& d : dims) each_symbol(d, [&](SymbolName name) { used.insert(name); });
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
