// Which values decide where something lies or how long it is: those that an integer is computed from which a
// node reads. An extent, an index or a position is such an integer at last, so that a change in a last place
// may become another shape or another element. Bools choose between values of one shape, and an integer that
// only leaves the graph is the user's: neither counts. What nodes with regions read always does.
#pragma once
#include "ir/graph.h"

namespace rlx {

// By value.
Vec<bool> index_sources(const Graph& g);

}  // namespace rlx
