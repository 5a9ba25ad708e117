// Lifetimes: when each placed value's memory is needed, and which buffers keep a fill. A value that lies in
// another one is a part of that one's buffer.
//
// Groups run in waves: neighbours that do not depend on each other may run at once, so a buffer is live from
// the start of its first wave to the end of its last. An item with blocks is a wave of its own, as are its blocks, and
// what it reads or gives lives through all of them, but what a trip of a loop makes and gives away. A temporary whose storage has padding keeps its fill
// for good: it lies in a slot that only buffers of the same size and storage share. Of a large one with little padding
// that is written in each run instead, and it is placed by its lifetime as others are (border_of, kernel/border.h).
#pragma once
#include "lir/lir.h"

namespace rlx {

// Fills Lir::buffers and Placed::buffer.
void assign_buffers(Lir& lir, const Vec<PlannedKernel>& kernels);

// The first group of the wave of each group: a wave ends before a group that needs one of it.
Vec<uint32_t> waves(const Lir& lir, const Vec<PlannedKernel>& kernels);

}  // namespace rlx
