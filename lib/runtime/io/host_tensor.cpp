#include "runtime/io/host_tensor.h"

#include <cstring>
#include <new>

#include "runtime/memory.h"

namespace rlx {

AlignedBytes::AlignedBytes(size_t size) {
  std::optional<AlignedBytes> made = make(size);
  RLX_CHECK(made.has_value(), "there is no memory for " + std::to_string(size) + " bytes");
  *this = *std::move(made);
}

std::optional<AlignedBytes> AlignedBytes::make(size_t size) {
  AlignedBytes bytes;
  if (size == 0) return bytes;
  // The system gives more than there is, and ends who touches it; it is only asked where that may be.
  constexpr size_t kMuch = size_t{1} << 28;
  if (size >= kMuch && static_cast<int64_t>(size) > runtime::available_memory())
    return std::nullopt;
  void* data = ::operator new(size, std::align_val_t{kAlignment}, std::nothrow);
  if (data == nullptr) return std::nullopt;
  std::memset(data, 0, size);
  bytes.data_.reset(static_cast<std::byte*>(data));
  bytes.size_ = size;
  return bytes;
}

AlignedBytes::AlignedBytes(Bytes bytes) : AlignedBytes(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data_.get(), bytes.data(), bytes.size());
}

void AlignedBytes::Free::operator()(std::byte* p) const {
  ::operator delete(p, std::align_val_t{kAlignment});
}

int64_t HostTensor::elements() const {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

std::optional<size_t> tensor_bytes(DType dtype, const Vec<int64_t>& shape) {
  // What a 64-bit address space can hold.
  constexpr int64_t kMostBytes = int64_t{1} << 47;
  int64_t size = size_of(dtype);
  bool empty = false;
  if (size == 0) return std::nullopt;
  for (int64_t d : shape) {
    if (d < 0) return std::nullopt;
    empty |= d == 0;
    bool overflow = d != 0 && __builtin_mul_overflow(size, d, &size);
    if (overflow || size > kMostBytes) return std::nullopt;
  }
  return empty ? 0 : static_cast<size_t>(size);
}

}  // namespace rlx
