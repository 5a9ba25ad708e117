// Copies of what stands in a region, for a trip of a loop each (passes/expand_lists.h).
#pragma once
#include "passes/replacement.h"

namespace rlx {

// Copies the nodes of a region, and the regions inside, into another region; what they define gets new values, which
// `values` maps to; what it maps already (arguments) is replaced.
void copy_nodes(Graph& g, RegionId from, RegionId to, Replacement& values);

// A region of its own with arguments, nodes and results like those of r.
RegionId copy_region(Graph& g, RegionId r);

}  // namespace rlx
