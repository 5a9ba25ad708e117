// A product whose operand has a number for every block of the depth (a scale, a zero point) reads it at
// k floordiv block, which no step of k moves evenly. With the loop in two, of blocks and inside of one, each read is
// affine, and what belongs to a block changes with the outer loop alone. The sum runs in the same order, so that its
// bits stay. A last block that is not whole leaves the loop as it is.
#pragma once
#include "kernel/kernel.h"

namespace rlx {

// Splits loops of the depth of a contract of k, where reads divide them by a number that divides their extents.
void split_depth(Kernel& k, Stage& s);

}  // namespace rlx
