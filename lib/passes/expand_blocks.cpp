#include "passes/expand_blocks.h"

#include <algorithm>

#include "ir/builder.h"

namespace rlx {
namespace {

using Replacement = std::map<ValueId, ValueId>;

Status expand(Graph& g, RegionId region, NodeId id, Replacement& replacement) {
  // Copied: new nodes move the others.
  Node block = g[id];
  for (ValueId& v : block.inputs) {
    if (auto found = replacement.find(v); found != replacement.end()) v = found->second;
  }
  GraphBuilder builder(g, region, block.origin);
  RLX_TRY(Values outputs, block.op().expand(block.attrs.data(), builder, block));
  for (size_t i = 0; i < block.outputs.size(); ++i) {
    // What it hands through is called what it was.
    const bool is_made = std::ranges::find(block.inputs, outputs[i]) == block.inputs.end();
    if (is_made) g[outputs[i]].name = g[block.outputs[i]].name;
    replacement.emplace(block.outputs[i], outputs[i]);
  }
  return {};
}

// The region's nodes once more, in order, with what its blocks expand to.
Status expand_region(Graph& g, RegionId region, Replacement& replacement, bool& found) {
  const Vec<NodeId> nodes = std::exchange(g[region].nodes, {});
  for (const NodeId id : nodes) {
    if (!g[id].op().expand) {
      g[region].nodes.push_back(id);
      continue;
    }
    found = true;
    RLX_TRY_VOID(expand(g, region, id, replacement));
  }
  return {};
}

}  // namespace

Status expand_blocks(Graph& g) {
  bool found = true;
  // Blocks may expand to blocks.
  while (found) {
    found = false;
    Replacement replacement;
    for (const RegionId r : g.live_regions()) {
      RLX_TRY_VOID(expand_region(g, r, replacement, found));
    }
    g.replace_uses(replacement);
  }
  return {};
}

}  // namespace rlx
