#include "runtime/cuda/guarded.h"

#include <algorithm>

#include "support/integer.h"

namespace rlx::runtime::cuda {
namespace {

// Before the bytes, so that they begin as cuMemAlloc's do, and behind them at least.
constexpr size_t kGuard = 256;
constexpr std::string_view kGuardByte = "\xa5";

}  // namespace

Result<GuardedMemory> GuardedMemory::make(const Gpu& gpu, size_t bytes) {
  GuardedMemory made;
  made.gpu_ = &gpu;
  made.bytes_ = bytes;
  const auto rounded = static_cast<size_t>(round_up(static_cast<int64_t>(bytes), kGuard));
  RLX_TRY(made.memory_, gpu.allocate(rounded + 2 * kGuard, "a buffer and its guards"));
  RLX_TRY_VOID(gpu.fill(made.memory_.address(), made.memory_.size(), kGuardByte));
  RLX_TRY_VOID(made.fill_with_nan());
  return made;
}

Address GuardedMemory::address() const { return memory_.address() + kGuard; }

Status GuardedMemory::fill_with_nan() const { return gpu_->fill(address(), bytes_, "\xff"); }

Result<bool> GuardedMemory::is_intact() const {
  Vec<std::byte> front(kGuard), back(memory_.size() - kGuard - bytes_);
  RLX_TRY_VOID(gpu_->read(front, memory_.address()));
  RLX_TRY_VOID(gpu_->read(back, address() + bytes_));
  RLX_TRY_VOID(gpu_->wait());
  const auto is_guard = [](std::byte b) { return b == static_cast<std::byte>(kGuardByte[0]); };
  return std::ranges::all_of(front, is_guard) && std::ranges::all_of(back, is_guard);
}

}  // namespace rlx::runtime::cuda
