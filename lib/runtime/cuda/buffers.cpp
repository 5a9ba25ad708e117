#include "runtime/cuda/buffers.h"

#include <algorithm>

#include "image/told.h"

namespace rlx::runtime::cuda {
namespace {

// None where these dims give it no size.
size_t bytes_in(const image::Placement& placement, uint32_t b) {
  return static_cast<size_t>(std::max<int64_t>(placement.bytes[b], 0));
}

// The old one goes first: both may not fit.
Status grow(const Gpu& gpu, DeviceMemory& memory, size_t bytes, std::string_view what) {
  if (bytes <= memory.size()) return {};
  memory = DeviceMemory();
  RLX_TRY(memory, gpu.allocate(bytes, what));
  return {};
}

}  // namespace

Buffers::Buffers(const Gpu& gpu, const image::Image& image, const LoadedConstants& constants,
                 bool is_checked)
    : gpu_(gpu), image_(image), is_checked_(is_checked), addresses_(image.buffers.size()) {
  for (uint32_t b = 0; b < image.buffers.size(); ++b) {
    if (image.buffers[b].kind == Kind::kConstant) addresses_[b] = constants.of(b);
  }
}

Status Buffers::enter(const image::Placement& placement) {
  guarded_.clear();
  const auto bytes = is_checked_ ? 0 : static_cast<size_t>(placement.arena_bytes);
  RLX_TRY_VOID(grow(gpu_, arena_, bytes, "what lies between the kernels"));
  for (uint32_t b = 0; b < image_.buffers.size(); ++b) RLX_TRY_VOID(place(b, placement));
  return {};
}

Status Buffers::place(uint32_t b, const image::Placement& placement) {
  if (image_.buffers[b].kind != Kind::kArena || placement.offsets[b] < 0) return {};
  if (is_checked_) return guard(b, placement);
  return place_at(b, arena_.address() + static_cast<Address>(placement.offsets[b]), placement);
}

// And what it holds from here on.
Status Buffers::place_at(uint32_t b, Address address, const image::Placement& placement) {
  addresses_[b] = address;
  const std::string& pattern = image_.buffers[b].pattern;
  return pattern.empty() ? Status() : gpu_.fill(address, bytes_in(placement, b), pattern);
}

Status Buffers::guard(uint32_t b, const image::Placement& placement) {
  uint32_t first = b;
  for (uint32_t other = 0; other < b && image_.buffers[b].slot >= 0; ++other) {
    if (image_.buffers[other].slot == image_.buffers[b].slot) first = std::min(first, other);
  }
  if (first == b || !guarded_.contains(first)) {
    RLX_TRY(guarded_[first], GuardedMemory::make(gpu_, bytes_in(placement, b)));
  }
  return place_at(b, guarded_.at(first).address(), placement);
}

// Inputs are written anew, and what has a pattern holds it.
Status Buffers::begin_run() const {
  for (const auto& [b, memory] : guarded_) {
    const bool is_made_by_run = image_.buffers[b].kind != Kind::kInput;
    if (is_made_by_run && image_.buffers[b].pattern.empty()) RLX_TRY_VOID(memory.fill_with_nan());
  }
  return {};
}

Result<std::optional<uint32_t>> Buffers::damaged() const {
  for (const auto& [b, memory] : guarded_) {
    RLX_TRY(const bool is_intact, memory.is_intact());
    if (!is_intact) return std::optional(b);
  }
  return std::optional<uint32_t>();
}

Status Buffers::enter_own(uint32_t b, const image::Placement& placement) {
  if (is_checked_) return guard(b, placement);
  RLX_TRY_VOID(grow(gpu_, own_[b], bytes_in(placement, b), "an input or output"));
  addresses_[b] = own_[b].address();
  return {};
}

// Twice as much as it had, so that what grows by little is rarely moved.
Status Buffers::make_room(uint32_t buffer, int64_t bytes) {
  DeviceMemory& room = rooms_[buffer];
  if (room.size() < static_cast<size_t>(bytes)) {
    const size_t wanted = std::max(static_cast<size_t>(bytes), 2 * room.size());
    RLX_TRY(DeviceMemory larger, gpu_.allocate(wanted, "what the data tells"));
    RLX_TRY_VOID(gpu_.copy(larger.address(), room.address(), room.size()));
    RLX_TRY_VOID(gpu_.wait());
    room = std::move(larger);
  }
  addresses_[buffer] = room.address();
  return {};
}

Status Buffers::enter_told(const image::Placement& placement, uint32_t command,
                           const Vec<uint32_t>& buffers, int64_t bytes) {
  DeviceMemory& memory = told_[command];
  RLX_TRY_VOID(grow(gpu_, memory, static_cast<size_t>(bytes), "what the data tells"));
  for (const uint32_t b : buffers) {
    if (placement.offsets[b] < 0) continue;
    if (is_checked_) {
      RLX_TRY_VOID(guard(b, placement));
      continue;
    }
    const int64_t offset = placement.offsets[b] - image::told_base(command);
    RLX_TRY_VOID(place_at(b, memory.address() + static_cast<Address>(offset), placement));
  }
  return {};
}

}  // namespace rlx::runtime::cuda
