// "blocks": kernels whose grid points are rows or the like, a block of threads a point. LLVM-free.
//
// Stages follow each other, with a barrier between them; the threads share the loops of each. A reduction is one
// warp's, whose 32 threads are the 32 lanes that its order says; of several results each warp takes some. Locals lie
// in shared memory, or in scratch where that has no room for them.
#pragma once
#include "backend/cuda/algorithm.h"
#include "backend/cuda/local_memory.h"

namespace rlx::backend::cuda {

struct BlocksPlan : Grouped {
  Dim points, blocks;
  int64_t threads = 1;
  // How many points a block has: where locals need scratch there are not as many blocks as points.
  Dim rounds = 1;
  // Of a block.
  LocalMemory memory;
  bool in_shared_memory = true;
};

BlocksPlan plan_blocks(const Kernel& k, int64_t threads, const CudaTarget& target);

// Where some stage has loops and the grid's are parallel.
Vec<Alternative> offer_blocks(const Kernel& k, const CudaTarget& target);
// Its number is that of the threads of a block.
bool fits_blocks(const Kernel& k, const Choice& choice);
Work emit_blocks(const Job& job);

}  // namespace rlx::backend::cuda
