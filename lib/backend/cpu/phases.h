// Pixels of a convolution whose window depends on where they stand between two strides, as that of a transposed one
// does: the loop o that reads take as (o + 1) floordiv 2 and (o + 1) mod 2 becomes two, o = 2 * q + r. What divides o then
// uses r alone: the weights are those of r, which is a batch to a register tile, and the image is read step by step of q.
// LLVM-free.
#pragma once
#include "kernel/kernel.h"

namespace rlx::backend::cpu {

// The kernel with such loops in two, where their extents are multiples of what divides them.
Kernel in_phases(Kernel k);

}  // namespace rlx::backend::cpu
