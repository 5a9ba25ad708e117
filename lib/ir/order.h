// What is alive in a graph, in the order in which its text form defines it.
#pragma once
#include "ir/graph.h"

namespace rlx {

// Inputs first; a constant or dims value stands before its first user; a node's outputs stand before
// the regions that it owns.
struct DefinitionOrder {
  Vec<ValueId> values;
  Vec<NodeId> nodes;
  Vec<RegionId> regions;
};

DefinitionOrder definition_order(const Graph& g);

}  // namespace rlx
