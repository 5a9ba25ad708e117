// Computes at compile time what depends on constants alone, by interpreting the very kernels that
// would run: the folded bits are those of a run. What would take more room than it saves stays as
// it is: broadcasts and ranges that grow, views of large weights, which the plan reads in place.
// What computes with such a view and constants is folded all the same: no run does again what one
// has done. (A recurrent layer's weights are exported as slices of them, put together in another order.)
#pragma once
#include "ir/graph.h"

namespace rlx {

// Types are known. The error is one of the model's data, such as an index outside of its axis.
Status fold_constants(Graph& g);

}  // namespace rlx
