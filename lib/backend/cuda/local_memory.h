// Where the locals of a kernel lie, of one thread or of one block. LLVM-free.
#pragma once
#include "backend/common/groups.h"

namespace rlx::backend::cuda {

struct LocalMemory {
  // By local, in bytes; of those in registers anything.
  Vec<Dim> offsets;
  Dim bytes = 0;
};

LocalMemory local_memory(const Kernel& k);

}  // namespace rlx::backend::cuda
