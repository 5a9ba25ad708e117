// "loops": every kernel of map, reduce, scan, contract and conv stages, as nest.h plans it. LLVM-free.
#pragma once
#include "backend/cpu/algorithm.h"

namespace rlx::backend::cpu {

// First, for depthwise windows (a reduction of an image and weights that share their channels): channels
// last, so that lanes are channels, with the halo that windows read beyond the image. Then any storage.
Vec<Alternative> offer_loops(const Kernel& k, const CpuTarget& target);
// What a stage over windows needs so of its image and weights, by argument; none where it is no such stage.
std::optional<Vec<Need>> window_needs(const Kernel& k, const Stage& s);
// It has no numbers.
bool fits_loops(const Kernel& k, const Choice& choice);
Work emit_loops(const Job& job);

}  // namespace rlx::backend::cpu
