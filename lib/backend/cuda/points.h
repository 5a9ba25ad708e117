// "loops": every kernel, a thread a point of the parallel loops that its grid begins with. LLVM-free.
//
// The thread does all that is inside of them in order. Neighbouring threads have neighbouring places of the last
// result. What has to run in order altogether, a scatter that may meet, is one thread.
#pragma once
#include "backend/cuda/algorithm.h"
#include "backend/cuda/local_memory.h"

namespace rlx::backend::cuda {

struct PointsPlan : Grouped {
  // Grid loops whose points are threads: those before the first sequential one.
  size_t parallel = 0;
  Dim points, blocks;
  int64_t threads = 1;
  // How many points a thread has: where locals need scratch there are not as many threads as points.
  Dim rounds = 1;
  LocalMemory memory;
};

PointsPlan plan_points(const Kernel& k);

Vec<Alternative> offer_points(const Kernel& k, const CudaTarget& target);
// It has no numbers.
bool fits_points(const Kernel& k, const Choice& choice);
Work emit_points(const Job& job);

}  // namespace rlx::backend::cuda
