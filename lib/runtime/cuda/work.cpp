#include "runtime/cuda/work.h"

namespace rlx::runtime::cuda {

KernelNode kernel_of(const Works& works, const Work& work, Vec<void*>& pointers) {
  pointers.clear();
  // The driver only reads them.
  for (const uint64_t& value : works.values_of(work)) {
    pointers.push_back(const_cast<uint64_t*>(&value));
  }
  return {.function = work.function->handle,
          .blocks = {work.blocks, 1, 1},
          .threads = {work.function->threads, 1, 1},
          .shared_bytes = work.function->shared_bytes,
          .parameters = pointers.data()};
}

Status start(const Gpu& gpu, const Works& works, const Work& work) {
  if (work.function == nullptr) return gpu.copy(work.to, work.from, work.bytes);
  Vec<void*> pointers;
  const KernelNode k = kernel_of(works, work, pointers);
  return gpu.driver().checked(
      "starting a kernel",
      gpu.driver().launch(k.function, k.blocks[0], 1, 1, k.threads[0], 1, 1, k.shared_bytes,
                          gpu.stream(), k.parameters, nullptr));
}

}  // namespace rlx::runtime::cuda
