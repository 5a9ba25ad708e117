// Filling in a contraction, or a convolution, from its accesses.
#pragma once
#include "op/shared/access.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"

namespace rlx {

// Makes s the sum over its loops of input 0 at a_at times input 1 at b_at, and gives that sum. Grid
// loops that only one operand uses are rows (m) or columns (n), those of both batches.
Ex contract(KernelBuilder& b, StageBuilder& s, const Vec<Dim>& grid, const Vec<Dim>& a_at,
            const Vec<Dim>& b_at);
// Makes s, whose loops are an input channel and a window, the sum of x times w over a grid of batch, output channel
// and pixels, and gives that sum.
Ex convolve(StageBuilder& s, const Vec<Dim>& grid, Ex x, Ex w);
// The ids of loops that are given as index expressions.
Vec<LoopId> loop_ids(const Vec<Dim>& loops);

}  // namespace rlx
