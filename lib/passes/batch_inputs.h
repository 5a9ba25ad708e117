// A model over one axis more: --batch=DIM:INPUT,... gives the inputs a leading axis of the open extent DIM, and
// so each output that depends on them: it is as if the model ran once for each index and the outputs were
// stacked. Each node is made anew by its operator's `batch`. After `differentiate` the gradients are those of
// each index: --grad=loss:w --batch=n:x gives one for each example.
//
// A node that owns regions or whose operator has no `batch` is refused where it depends on the axis.
#pragma once
#include "passes/by_inputs.h"

namespace rlx {

// Types are known, blocks expanded. DIM is no symbol of the model yet, or a number.
Status batch_inputs(Graph& g, const ByInputs& asked);

}  // namespace rlx
