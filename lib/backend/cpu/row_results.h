// A map of what a sum leaves becomes the sum's result, so that it runs on registers: in a row of sums the local
// between the two would be memory. A step of planning "rows". LLVM-free.
#pragma once
#include "kernel/kernel.h"

namespace rlx::backend::cpu {

// Only in reductions and contracts whose one result the next stage alone reads, point by point.
void fold_maps_into_results(Kernel& k);

}  // namespace rlx::backend::cpu
