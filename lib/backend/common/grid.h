// The grid of a kernel, put into the order of memory: what backends do before they cut it into tiles or threads.
#pragma once
#include "kernel/kernel.h"

namespace rlx::backend {

// Whether elements may be written twice: such stages, and kernels with one, run in order, one element at a time.
bool must_run_in_order(const Stage& s);
bool must_run_in_order(const Kernel& k);
// How many grid loops come before the first sequential one.
size_t first_sequential(const Kernel& k);

// Orders parallel loops as the last result lies in memory; the lane loop comes last.
void order_grid(Kernel& k, LoopId lane_loop);
// Makes neighbouring parallel loops one where every address allows it. Gives the lane loop's new id.
LoopId merge_grid_loops(Kernel& k, LoopId lane_loop);

}  // namespace rlx::backend
