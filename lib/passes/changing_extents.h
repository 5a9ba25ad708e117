// Which extents of what loops carry change from trip to trip. The body says so, whose shapes depend on what it is given:
// it is inferred on trial, with more and more extents as symbols that each trip tells, until they are enough. Only then
// may shape arithmetic in the body be solved.
#pragma once
#include <functional>

#include "ir/graph.h"

namespace rlx {

// Leaves such a symbol in the type of the loop's output, for ops::Loop to find it. `infer` infers all types of a graph as
// far as it can. What it cannot infer may change.
void note_changing_extents(Graph& g, const std::function<void(Graph&)>& infer);

}  // namespace rlx
