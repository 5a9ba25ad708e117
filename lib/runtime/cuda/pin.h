// Memory of the host's that the GPU fetches and writes by itself, where it lies: 55 GB/s in place of 9, for 22 us a MB.
#pragma once
#include "runtime/cuda/gpu.h"
#include "support/hash.h"

namespace rlx::runtime::cuda {

// From here on pinning costs less than a copy gains.
inline constexpr size_t kWorthPinning = size_t{1} << 20;

class Pin {
 public:
  // None where the driver does not want to: copies are slower then. What is only read may lie in pages that nobody may
  // write.
  Pin(const Gpu& gpu, Bytes bytes, bool is_only_read);
  ~Pin();
  Pin(Pin&& other) noexcept { swap(other); }
  Pin& operator=(Pin&& other) noexcept {
    swap(other);
    return *this;
  }

 private:
  void swap(Pin& other) noexcept {
    std::swap(gpu_, other.gpu_);
    std::swap(data_, other.data_);
  }

  const Gpu* gpu_ = nullptr;
  void* data_ = nullptr;
};

// All of these that are large or lie beside each other, whatever pages they share: a page is pinned once, and nothing is
// pinned in part.
Vec<Pin> pins_of(const Gpu& gpu, Vec<Bytes> pieces, bool is_only_read);

}  // namespace rlx::runtime::cuda
