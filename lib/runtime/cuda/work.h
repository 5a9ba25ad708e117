// What the driver is asked to start: kernels with the values of their parameters, and copies.
#pragma once
#include "runtime/cuda/loaded.h"

namespace rlx::runtime::cuda {

struct Work {
  // Null: it is a copy.
  const LoadedFunction* function = nullptr;
  unsigned blocks = 0;
  // Of a kernel: into Works::values.
  size_t first = 0, count = 0;
  // Of a copy.
  Address to = 0, from = 0;
  size_t bytes = 0;

  bool operator==(const Work&) const = default;
};

struct Works {
  Vec<Work> all;
  // 8 bytes each, as kernels take them.
  Vec<uint64_t> values;

  std::span<const uint64_t> values_of(const Work& w) const {
    return {values.data() + w.first, w.count};
  }
};

// As the driver takes it; `pointers` and the works stay until it has been called.
KernelNode kernel_of(const Works& works, const Work& work, Vec<void*>& pointers);
// In the order of the stream.
Status start(const Gpu& gpu, const Works& works, const Work& work);

}  // namespace rlx::runtime::cuda
