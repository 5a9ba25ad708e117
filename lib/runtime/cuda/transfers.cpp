#include "runtime/cuda/transfers.h"

#include <cstring>

#include "support/integer.h"

namespace rlx::runtime::cuda {
namespace {

// Where tensors begin in it.
constexpr int64_t kStagingAlignment = 64;

size_t room_of(size_t bytes) {
  return static_cast<size_t>(round_up(static_cast<int64_t>(bytes), kStagingAlignment));
}

}  // namespace

Status Transfers::bind(const Vec<Bytes>& tensors) {
  release();
  size_t small = 0;
  Vec<Bytes> large;
  for (const Bytes tensor : tensors) {
    if (tensor.size() >= kWorthPinning) {
      large.push_back(tensor);
    } else {
      small += room_of(tensor.size());
    }
  }
  pins_ = pins_of(gpu_, std::move(large), false);
  if (small <= staging_.size()) return {};
  staging_ = PinnedMemory();
  auto made = gpu_.allocate_pinned(small);
  if (made) {
    staging_ = std::move(*made);
    return {};
  }
  release();
  return Error(made.error());
}

void Transfers::begin() {
  used_ = 0;
  deliveries_.clear();
}

std::byte* Transfers::room_for(size_t bytes) {
  if (bytes >= kWorthPinning || room_of(bytes) > staging_.size() - used_) return nullptr;
  std::byte* room = staging_.data() + used_;
  used_ += room_of(bytes);
  return room;
}

Status Transfers::write(Address to, Bytes from) {
  std::byte* room = from.empty() ? nullptr : room_for(from.size());
  if (room == nullptr) return gpu_.write(to, from);
  std::memcpy(room, from.data(), from.size());
  return gpu_.write(to, {room, from.size()});
}

Status Transfers::read(std::span<std::byte> to, Address from) {
  std::byte* room = to.empty() ? nullptr : room_for(to.size());
  if (room == nullptr) return gpu_.read(to, from);
  deliveries_.push_back({to, room});
  return gpu_.read({room, to.size()}, from);
}

void Transfers::deliver() {
  for (const Delivery& d : deliveries_) std::memcpy(d.to.data(), d.from, d.to.size());
  deliveries_.clear();
}

}  // namespace rlx::runtime::cuda
