#include "passes/eliminate_common.h"

namespace rlx {
namespace {

using Replacement = std::map<ValueId, ValueId>;

ValueId resolved(const Replacement& replacement, ValueId v) {
  auto found = replacement.find(v);
  return found == replacement.end() ? v : found->second;
}

// Equal texts: equal nodes.
std::string key_of(const Graph& g, NodeId id, const Replacement& replacement) {
  const Node& node = g[id];
  std::string key = std::string(node.op_name()) + "{" + to_text(node.attrs) + "}";
  for (ValueId v : node.inputs) key += "," + std::to_string(resolved(replacement, v).index);
  return key + ":" + std::to_string(node.outputs.size());
}

// Values that are the same Dims.
void merge_dims(const Graph& g, Replacement& replacement) {
  std::map<std::pair<int, std::string>, ValueId> first;
  for (size_t i = 0; i < g.values.size(); i++) {
    const Value& value = g.values[i];
    if (value.def.kind != ValueDef::Kind::kDims) continue;
    auto [at, is_new] =
        first.emplace(std::pair(value.type.rank(), to_text(value.def.dims)), ValueId(i));
    if (!is_new) replacement.emplace(ValueId(i), at->second);
  }
}

void merge_nodes(Graph& g, RegionId region, Replacement& replacement) {
  std::map<std::string, NodeId> first;
  for (NodeId id : g[region].nodes) {
    const Node& node = g[id];
    if (node.op().effect != Effect::kPure || !node.regions.empty()) continue;
    auto [at, is_new] = first.emplace(key_of(g, id, replacement), id);
    if (is_new) continue;
    Node& kept = g[at->second];
    kept.origin = merge(kept.origin, node.origin);
    for (size_t i = 0; i < node.outputs.size(); i++) {
      replacement.emplace(node.outputs[i], kept.outputs[i]);
    }
  }
}

}  // namespace

Status eliminate_common(Graph& g) {
  Replacement replacement;
  merge_dims(g, replacement);
  for (RegionId r : g.live_regions()) merge_nodes(g, r, replacement);
  g.replace_uses(replacement);
  return {};
}

}  // namespace rlx
