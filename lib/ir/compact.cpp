#include "ir/order.h"

namespace rlx {
namespace {

template <class Tag>
Vec<Id<Tag>> renumbered(const Vec<Id<Tag>>& order, size_t size) {
  Vec<Id<Tag>> map(size);
  for (size_t i = 0; i < order.size(); ++i) map[order[i].index] = Id<Tag>(i);
  return map;
}

class Compaction {
 public:
  explicit Compaction(const Graph& g)
      : g_(g),
        order_(definition_order(g)),
        values_(renumbered(order_.values, g.values.size())),
        nodes_(renumbered(order_.nodes, g.nodes.size())),
        regions_(renumbered(order_.regions, g.regions.size())) {}

  Graph run() && {
    Graph out;
    out.name = g_.name;
    out.symbols = g_.symbols;
    out.output_names = g_.output_names;
    out.regions.clear();
    for (const ValueId v : order_.values) add(out, g_[v]);
    for (const NodeId n : order_.nodes) out.nodes.push_back(moved(g_[n]));
    for (const RegionId r : order_.regions) out.regions.push_back(moved(g_[r]));
    out.index_constants();
    return out;
  }

 private:
  template <class Tag>
  static Id<Tag> to(const Vec<Id<Tag>>& map, Id<Tag> id) {
    return id.valid() ? map[id.index] : id;
  }

  Values to(const Values& values) const {
    Values out;
    out.reserve(values.size());
    for (const ValueId v : values) out.push_back(to(values_, v));
    return out;
  }

  void add(Graph& out, const Value& value) const {
    out.values.push_back(value);
    ValueDef& def = out.values.back().def;
    if (def.kind == ValueDef::Kind::kConstant) {
      def.constant = ConstantId(out.constants.size());
      out.constants.push_back(g_[value.def.constant]);
    }
    def.node = to(nodes_, def.node);
    def.region = to(regions_, def.region);
  }

  Node moved(const Node& n) const {
    Node out = n;
    out.inputs = to(n.inputs);
    out.outputs = to(n.outputs);
    for (RegionId& r : out.regions) r = to(regions_, r);
    return out;
  }

  Region moved(const Region& r) const {
    Region out{.arguments = to(r.arguments),
               .captures = to(r.captures),
               .results = to(r.results),
               .facts = r.facts};
    for (const NodeId n : r.nodes) out.nodes.push_back(to(nodes_, n));
    return out;
  }

  const Graph& g_;
  DefinitionOrder order_;
  Vec<ValueId> values_;
  Vec<NodeId> nodes_;
  Vec<RegionId> regions_;
};

}  // namespace

Graph compacted(const Graph& g) { return Compaction(g).run(); }

}  // namespace rlx
