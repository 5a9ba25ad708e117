#include "passes/walk.h"

namespace rlx {
namespace {

// A node that waits for the nodes of its regions.
struct Frame {
  Vec<NodeId> nodes;
  size_t next = 0;
  NodeId owner;
};

Vec<NodeId> nodes_of(const Graph& g, const Vec<RegionId>& regions) {
  Vec<NodeId> nodes;
  for (const RegionId r : regions) nodes.insert(nodes.end(), g[r].nodes.begin(), g[r].nodes.end());
  return nodes;
}

}  // namespace

Vec<NodeId> execution_order(const Graph& g) {
  Vec<NodeId> order;
  Vec<Frame> open = {{g.top().nodes, 0, NodeId()}};
  while (!open.empty()) {
    Frame& frame = open.back();
    if (frame.next == frame.nodes.size()) {
      if (frame.owner.valid()) order.push_back(frame.owner);
      open.pop_back();
      continue;
    }
    const NodeId id = frame.nodes[frame.next++];
    if (g[id].regions.empty()) {
      order.push_back(id);
    } else {
      open.push_back({nodes_of(g, g[id].regions), 0, id});
    }
  }
  return order;
}

}  // namespace rlx
