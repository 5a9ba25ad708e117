// Extents that a node with regions tells become values that it gives, and a node `tell` behind it: of an If those of the
// branch that ran, of a loop those of what the last trip gave, or how many trips there were. What a loop carries tells
// its extents at the beginning of each trip.
//
// So planning knows one way only in which data becomes an extent, and all that is left of such nodes are results whose
// memory is given where they are made (layout.h).
#pragma once
#include "ir/graph.h"

namespace rlx {

// Leaves alone what is told already.
Status tell_results(Graph& g);

}  // namespace rlx
