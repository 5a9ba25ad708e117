#include "ir/index_sources.h"

#include <algorithm>

namespace rlx {
namespace {

class IndexSources {
 public:
  explicit IndexSources(const Graph& g) : g_(g), is_source_(g.values.size()) {}

  // What is read by later nodes is known when a node's turn comes.
  Vec<bool> run() {
    const Vec<RegionId> regions = g_.live_regions();
    for (const RegionId r : regions) note_reads(g_[r]);
    for (size_t i = regions.size(); i-- > 0;) {
      const Vec<NodeId>& nodes = g_[regions[i]].nodes;
      for (size_t n = nodes.size(); n-- > 0;) trace(g_[nodes[n]]);
    }
    return std::move(is_source_);
  }

 private:
  void add(const Values& values) {
    for (const ValueId v : values) {
      if (v.valid()) is_source_[v.index] = true;
    }
  }

  void note_reads(const Region& r) {
    for (const NodeId n : r.nodes) {
      for (const ValueId v : g_[n].inputs) {
        if (v.valid() && is_integer(g_[v].type.dtype)) is_source_[v.index] = true;
      }
      if (g_[n].regions.empty()) continue;
      add(g_[n].inputs);
      for (const RegionId inner : g_[n].regions) {
        add(g_[inner].captures);
        add(g_[inner].results);
      }
    }
  }

  void trace(const Node& n) {
    const bool decides =
        std::ranges::any_of(n.outputs, [&](ValueId v) { return v.valid() && is_source_[v.index]; });
    if (decides) add(n.inputs);
  }

  const Graph& g_;
  Vec<bool> is_source_;
};

}  // namespace

Vec<bool> index_sources(const Graph& g) { return IndexSources(g).run(); }

}  // namespace rlx
