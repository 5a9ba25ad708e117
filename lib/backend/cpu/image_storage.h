// How images lie where lanes are channels: channels innermost, whole vectors of them, and around the image the
// halo that windows read beyond it. LLVM-free.
#pragma once
#include "backend/cpu/isa.h"
#include "kernel/kernel.h"

namespace rlx::backend::cpu {

// The other axes in order, then `axis`; padded to whole vectors where it has more elements than one holds, with
// 0 there.
Storage with_last(const Arg& arg, size_t axis);
// How far an index over the stage's loops reaches before and after an axis of that extent. Where the extent is
// open, as far as its window does.
AxisPadding halo_of(const Kernel& k, const Stage& s, const Dim& index, const Dim& extent);

}  // namespace rlx::backend::cpu
