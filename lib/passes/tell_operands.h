// Operands that decide shapes and that only the run knows: the number of elements of a range, the end of a slice. A node
// `tell` behind what computes such an operand makes symbols of its elements, and inference goes on with these.
//
// The last resort: nothing is told that the compiler can find out, or that inputs name (input_elements.h). What is
// computed from short integer vectors is told as early as may be, so that shapes are expressions of few symbols.
#pragma once
#include "ir/infer_ctx.h"

namespace rlx {

// Adds such nodes for the operands of those that could not do without; false where there is nothing to tell.
Result<bool> tell_operands(Graph& g, const Vec<NodeId>& starved, const Vec<Known>& known);

}  // namespace rlx
