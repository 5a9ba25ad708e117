// How "loops" runs a kernel, decided before any code is written. LLVM-free.
//
// One loop runs over the lanes of vectors, the one along which memory is contiguous:
//   a grid loop         each lane is a grid point: maps, windows over channels, reductions over outer axes
//   the innermost loop of each stage        a grid point is a row: softmax, norms, sums over the last axis
// Grid loops are ordered by how the result lies in memory, and those that memory does not tell apart become
// one loop, so that a map over a whole tensor is one loop. Consecutive stages with the same loops share them.
#pragma once
#include "backend/common/groups.h"
#include "backend/cpu/isa.h"

namespace rlx::backend::cpu {

// Macros expanded, grid loops in the order in which they run, loops of a group alike.
struct Nest : Grouped {
  // Grid loops before this one are cut into tiles; the rest (from the first sequential one on) is not.
  size_t parallel = 0;
  // Steps of the innermost of them count in vectors where it is the lane loop. A tile is a run of steps.
  Dim steps;
  int64_t steps_per_tile = 1;
  // Where each local in memory lies in scratch, in bytes.
  Vec<Dim> local_offsets;
  Dim tiles, scratch_bytes;
};

Nest plan_nest(const Kernel& k, const Isa& isa);

// Whether lanes may run over the stage's innermost loop.
bool is_vectorisable(const Stage& s);
// Whether there is room in the caches for the rows of as many grid points as a vector has lanes.
bool rows_fit(const Kernel& k);

// Whether the last loop that the reduction keeps has its elements side by side in memory, in all that depends on it,
// so that lanes may run over it.
bool is_kept_contiguous(const Kernel& k, const Stage& s, int lanes);

}  // namespace rlx::backend::cpu
