// Copies between the host's tensors and a GPU. What is large is pinned where it lies while it is bound; what is small goes
// through memory that is pinned for good. Both the GPU fetches by itself, at six times the speed of other copies.
#pragma once
#include "runtime/cuda/pin.h"

namespace rlx::runtime::cuda {

class Transfers {
 public:
  explicit Transfers(const Gpu& gpu) : gpu_(gpu) {}

  // Tensors that runs will copy, until release().
  Status bind(const Vec<Bytes>& tensors);
  // None of them is touched any more. Nothing runs.
  void release() { pins_.clear(); }
  // A run begins.
  void begin();
  Status write(Address to, Bytes from);
  Status read(std::span<std::byte> to, Address from);
  // Once the GPU is done: what was read is where it belongs.
  void deliver();

 private:
  struct Delivery {
    std::span<std::byte> to;
    const std::byte* from = nullptr;
  };

  // Room for so many bytes of this run; null: they go the direct way.
  std::byte* room_for(size_t bytes);

  const Gpu& gpu_;
  Vec<Pin> pins_;
  PinnedMemory staging_;
  size_t used_ = 0;
  Vec<Delivery> deliveries_;
};

}  // namespace rlx::runtime::cuda
