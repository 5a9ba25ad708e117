#include "runtime/io/host_tensor.h"

#include <cstring>
#include <new>

#include <fmt/format.h>

#include "support/memory.h"

namespace rlx {

AlignedBytes::AlignedBytes(size_t size) : size_(size) {
  if (size == 0) return;
  data_.reset(static_cast<std::byte*>(::operator new(size, std::align_val_t{kAlignment})));
  std::memset(data_.get(), 0, size);
}

Result<AlignedBytes> AlignedBytes::make(size_t size, std::string_view what) {
  AlignedBytes made;
  RLX_TRY_VOID(check_memory(what, size));
  made.size_ = size;
  if (size == 0) return made;
  auto* data =
      static_cast<std::byte*>(::operator new(size, std::align_val_t{kAlignment}, std::nothrow));
  if (data == nullptr) return no_memory_for(what, size);
  made.data_.reset(data);
  std::memset(data, 0, size);
  return made;
}

AlignedBytes::AlignedBytes(Bytes bytes) : AlignedBytes(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data_.get(), bytes.data(), bytes.size());
}

void AlignedBytes::Free::operator()(std::byte* p) const {
  ::operator delete(p, std::align_val_t{kAlignment});
}

int64_t HostTensor::elements() const {
  int64_t n = 1;
  for (const int64_t d : shape) n *= d;
  return n;
}

std::string type_text(DType dtype, const Vec<int64_t>& shape) {
  return fmt::format("{}[{}]", name(dtype), fmt::join(shape, ", "));
}

std::optional<size_t> tensor_bytes(DType dtype, const Vec<int64_t>& shape) {
  // What a 64-bit address space can hold.
  constexpr int64_t kMostBytes = int64_t{1} << 47;
  int64_t size = size_of(dtype);
  bool empty = false;
  if (size == 0) return std::nullopt;
  for (const int64_t d : shape) {
    if (d < 0) return std::nullopt;
    empty |= d == 0;
    const bool overflow = d != 0 && __builtin_mul_overflow(size, d, &size);
    if (overflow || size > kMostBytes) return std::nullopt;
  }
  return empty ? 0 : static_cast<size_t>(size);
}

}  // namespace rlx
