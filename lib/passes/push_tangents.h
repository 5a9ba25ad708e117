// Directional derivatives as a part of the model: --jvp=OUTPUT:INPUT,... gives it an input `tangent_NAME` for
// each of the inputs and makes the output and `tangent_NAME` of it the outputs. Each node is followed by what its
// operator's `jvp` makes. After `differentiate` it is the product of a Hessian and a vector:
// --grad=loss:w --jvp=grad_w:w.
//
// Where a tangent would have to pass a node that owns regions or whose operator has no `jvp`, it is refused.
#pragma once
#include "passes/by_inputs.h"

namespace rlx {

// Types are known, blocks expanded. The output is of floats.
Status push_tangents(Graph& g, const ByInputs& asked);

}  // namespace rlx
