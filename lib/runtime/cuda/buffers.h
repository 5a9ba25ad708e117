// Where an image's buffers lie on a GPU.
#pragma once
#include <map>

#include "runtime/cuda/loaded.h"

namespace rlx::runtime::cuda {

class Buffers {
 public:
  Buffers(const Gpu& gpu, const image::Image& image, const LoadedConstants& constants);

  // Memory for this placement, and what its buffers hold before the first run.
  Status enter(const image::Placement& placement);
  // Input and output of a state are one memory, or each has its own.
  void share(const image::State& state, bool in_place);

  Address address_of(uint32_t buffer) const { return addresses_[buffer]; }
  const Vec<Address>& addresses() const { return addresses_; }

 private:
  using Kind = image::Buffer::Kind;

  Status place(uint32_t b, const image::Placement& placement);

  const Gpu& gpu_;
  const image::Image& image_;
  DeviceMemory arena_;
  // By buffer: of inputs and outputs.
  std::map<uint32_t, DeviceMemory> own_;
  Vec<Address> addresses_;
};

}  // namespace rlx::runtime::cuda
