// The order in which passes visit nodes, over all regions.
#pragma once
#include "ir/graph.h"

namespace rlx {

// Every node that is not dead, definitions before uses; the nodes of a region stand before the node
// that owns it, whose types depend on them.
Vec<NodeId> execution_order(const Graph& g);
}  // namespace rlx
