#include "backend/cuda/local_memory.h"

namespace rlx::backend::cuda {

LocalMemory local_memory(const Kernel& k) {
  constexpr int64_t kAlignment = 16;
  LocalMemory m;
  for (const Local& l : k.locals) {
    m.offsets.push_back(m.bytes);
    if (in_register(l)) continue;
    const Arg memory = local_storage(l);
    const Dim bytes = bytes_of(l.dtype, storage_elements(memory.storage, memory.shape));
    m.bytes = m.bytes + ceil_div(bytes, kAlignment) * kAlignment;
  }
  return m;
}

}  // namespace rlx::backend::cuda
