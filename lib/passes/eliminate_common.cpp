#include "passes/eliminate_common.h"

#include <algorithm>

#include "passes/replacement.h"
#include "support/sort_uniquely.h"

namespace rlx {
namespace {

// Equal texts: equal nodes.
std::string key_of(const Graph& g, NodeId id, const Replacement& replacement) {
  const Node& node = g[id];
  std::string key = std::string(node.op_name()) + "{" + to_text(node.attrs) + "}";
  for (const ValueId v : node.inputs) key += "," + std::to_string(resolved(replacement, v).index);
  return key + ":" + std::to_string(node.outputs.size());
}

// Values that are the same Dims.
void merge_dims(const Graph& g, Replacement& replacement) {
  std::map<std::pair<int, std::string>, ValueId> first;
  for (size_t i = 0; i < g.values.size(); ++i) {
    const Value& value = g.values[i];
    if (value.def.kind != ValueDef::Kind::kDims) continue;
    auto [at, is_new] =
        first.emplace(std::pair(value.type.rank(), to_text(value.def.dims)), ValueId(i));
    if (!is_new) replacement.emplace(ValueId(i), at->second);
  }
}

// Of nodes that are the same; sorted once, however many they are.
Origin origin_of(const Graph& g, const Vec<NodeId>& same) {
  Origin all;
  for (const NodeId id : same) all.insert(all.end(), g[id].origin.begin(), g[id].origin.end());
  sort_uniquely(all);
  return all;
}

void merge_nodes(Graph& g, RegionId region, Replacement& replacement) {
  // By key, in order; the first of each stays.
  std::map<std::string, Vec<NodeId>> same;
  for (const NodeId id : g[region].nodes) {
    const Node& node = g[id];
    if (node.op().effect != Effect::kPure || !node.regions.empty()) continue;
    Vec<NodeId>& nodes = same[key_of(g, id, replacement)];
    nodes.push_back(id);
    if (nodes.size() == 1) continue;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      replacement.emplace(node.outputs[i], g[nodes[0]].outputs[i]);
    }
  }
  for (const auto& [key, nodes] : same) {
    if (nodes.size() > 1) g[nodes[0]].origin = origin_of(g, nodes);
  }
}

}  // namespace

Status eliminate_common(Graph& g) {
  Replacement replacement;
  merge_dims(g, replacement);
  for (const RegionId r : g.live_regions()) merge_nodes(g, r, replacement);
  g.replace_uses(replacement);
  return {};
}

}  // namespace rlx
