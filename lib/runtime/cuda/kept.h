// What goes round in a loop, in a GPU's memory.
#pragma once
#include "runtime/cuda/gpu.h"
#include "runtime/device.h"

namespace rlx::runtime::cuda {

class KeptMemory final : public Kept {
 public:
  static Result<std::unique_ptr<Kept>> make(const Gpu& gpu, size_t bytes, std::string_view what);
  KeptMemory(const Gpu& gpu, DeviceMemory memory, size_t size)
      : gpu_(gpu), memory_(std::move(memory)), size_(size) {}

  Address address() const { return memory_.address(); }
  size_t size() const override { return size_; }
  Status write(Bytes from) override;
  Status read(std::span<std::byte> to) const override;
  Status take_rows(const Kept& from, const Rows& rows, size_t to_step) override;

 private:
  const Gpu& gpu_;
  DeviceMemory memory_;
  size_t size_ = 0;
};

// Of one that this device keeps.
inline Address address_of(const Kept& kept) {
  return static_cast<const KeptMemory&>(kept).address();
}

}  // namespace rlx::runtime::cuda
