// Memory of one buffer with guards around it, which show whether a kernel has written beside it.
#pragma once
#include "runtime/cuda/gpu.h"

namespace rlx::runtime::cuda {

class GuardedMemory {
 public:
  GuardedMemory() = default;
  // Its bytes are 0xff.
  static Result<GuardedMemory> make(const Gpu& gpu, size_t bytes);

  Address address() const;
  Status fill_with_nan() const;
  // Once the GPU is done.
  Result<bool> is_intact() const;

 private:
  const Gpu* gpu_ = nullptr;
  DeviceMemory memory_;
  size_t bytes_ = 0;
};

}  // namespace rlx::runtime::cuda
