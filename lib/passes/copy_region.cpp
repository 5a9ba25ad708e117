#include "passes/copy_region.h"

namespace rlx {
namespace {

class RegionCopy {
 public:
  RegionCopy(Graph& g, Replacement& values) : g_(g), values_(values) {}

  void nodes(RegionId from, RegionId to) {
    copy_nodes_of(from, to);
    while (!left_.empty()) {
      const auto [inner, copy] = left_.back();
      left_.pop_back();
      arguments(inner, copy);
      copy_nodes_of(inner, copy);
      g_[copy].captures = of(g_[inner].captures);
      g_[copy].results = of(g_[inner].results);
    }
  }

  void arguments(RegionId from, RegionId to) {
    for (const ValueId v : Values(g_[from].arguments)) {
      const Value old = g_[v];
      values_[v] = g_.add_argument(to, old.type, old.name);
    }
  }

  Values of(const Values& values) const {
    Values out;
    for (const ValueId v : values) out.push_back(resolved(values_, v));
    return out;
  }

 private:
  void copy_nodes_of(RegionId from, RegionId to) {
    for (const NodeId id : Vec<NodeId>(g_[from].nodes)) node(id, to);
  }

  void node(NodeId id, RegionId to) {
    // Copied: a new node moves the others.
    Node old = g_[id];
    const NodeId copy = g_.add_node(to, std::move(old.attrs), of(old.inputs),
                                    Types(old.outputs.size(), Type::unknown()), old.origin);
    for (size_t i = 0; i < old.outputs.size(); ++i) values_[old.outputs[i]] = g_[copy].outputs[i];
    for (const RegionId inner : old.regions) {
      const RegionId fresh = g_.add_region();
      g_[copy].regions.push_back(fresh);
      left_.emplace_back(inner, fresh);
    }
  }

  Graph& g_;
  Replacement& values_;
  // Regions inside, whose nodes come later.
  Vec<std::pair<RegionId, RegionId>> left_;
};

}  // namespace

void copy_nodes(Graph& g, RegionId from, RegionId to, Replacement& values) {
  RegionCopy(g, values).nodes(from, to);
}

RegionId copy_region(Graph& g, RegionId r) {
  Replacement values;
  RegionCopy copy(g, values);
  const RegionId to = g.add_region();
  copy.arguments(r, to);
  copy.nodes(r, to);
  g[to].captures = copy.of(g[r].captures);
  g[to].results = copy.of(g[r].results);
  return to;
}

}  // namespace rlx
