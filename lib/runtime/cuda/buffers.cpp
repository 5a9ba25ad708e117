#include "runtime/cuda/buffers.h"

#include <algorithm>

namespace rlx::runtime::cuda {

Buffers::Buffers(const Gpu& gpu, const image::Image& image, const LoadedConstants& constants)
    : gpu_(gpu), image_(image), addresses_(image.buffers.size()) {
  for (uint32_t b = 0; b < image.buffers.size(); ++b) {
    if (image.buffers[b].kind == Kind::kConstant) addresses_[b] = constants.of(b);
  }
}

Status Buffers::enter(const image::Placement& placement) {
  const auto wanted = static_cast<size_t>(placement.arena_bytes);
  if (wanted > arena_.size()) {
    // The old one goes first: both may not fit.
    arena_ = DeviceMemory();
    RLX_TRY(arena_, gpu_.allocate(wanted, "what lies between the kernels"));
  }
  for (uint32_t b = 0; b < image_.buffers.size(); ++b) RLX_TRY_VOID(place(b, placement));
  return {};
}

Status Buffers::place(uint32_t b, const image::Placement& placement) {
  const image::Buffer& buffer = image_.buffers[b];
  const auto bytes = static_cast<size_t>(std::max<int64_t>(placement.bytes[b], 0));
  if (buffer.kind == Kind::kInput || buffer.kind == Kind::kOutput) {
    DeviceMemory& own = own_[b];
    if (bytes > own.size()) {
      own = DeviceMemory();
      RLX_TRY(own, gpu_.allocate(bytes, "an input or output"));
    }
    addresses_[b] = own.address();
  }
  if (buffer.kind != Kind::kArena || placement.offsets[b] < 0) return {};
  addresses_[b] = arena_.address() + static_cast<Address>(placement.offsets[b]);
  return buffer.pattern.empty() ? Status() : gpu_.fill(addresses_[b], bytes, buffer.pattern);
}

void Buffers::share(const image::State& state, bool in_place) {
  const uint32_t input = image_.inputs[state.input].buffer;
  const uint32_t output = image_.outputs[state.output].buffer;
  addresses_[input] = own_[in_place ? output : input].address();
}

}  // namespace rlx::runtime::cuda
