// Gradients as a part of the model: --grad=LOSS:INPUT,... makes the loss and its gradient by each input the
// outputs, and those of the model go. Each node is differentiated by its operator's `grad`, from the loss back;
// what comes of it is made of other operators and optimised with the rest. It runs before anything is folded
// or rewritten, so that a node is still what the model says.
//
// Where a gradient would have to pass a node that owns regions or whose operator has no `grad`, it is refused.
// An input that the loss does not depend on has a gradient of zeros.
#pragma once
#include "passes/by_inputs.h"

namespace rlx {

// Types are known, blocks expanded. The loss is one float.
Status differentiate(Graph& g, const ByInputs& asked);

}  // namespace rlx
