// Algebra: x + 0 is x, two transposes are one, a scale after a convolution goes into its weights.
// Rewrites are data (passes/pattern.h), a file per family in passes/rules/; none makes anything
// worse.
#pragma once
#include "ir/graph.h"
#include "passes/math.h"

namespace rlx {

// Types are known, and stay: a rewrite that would change a type is not made. `math` says which rules
// there are.
Status simplify(Graph& g, Math math);

}  // namespace rlx
