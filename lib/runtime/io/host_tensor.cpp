#include "runtime/io/host_tensor.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>

#include "support/big_pages.h"
#include "support/integer.h"
#include "support/memory.h"

namespace rlx {

namespace {

constexpr size_t kAlignment = AlignedBytes::kAlignment;

// What the bytes lie in.
struct Block {
  void* begin = nullptr;
  // Of big pages; 0: of the heap.
  size_t mapped = 0;
};

Block new_block(size_t size) {
  if (size < kFewForBigPages) return {std::calloc(1, size)};
  const size_t mapped = round_up(size, kBigPage);
  return {map_big_pages(mapped), mapped};
}

// As the system hands them out: pages that nobody writes cost nothing. What they lie in stands before them. Null where
// there is not that much.
std::byte* zeros(size_t size) {
  static_assert(kAlignment >= sizeof(Block) + alignof(std::max_align_t));
  const Block block = new_block(size + kAlignment);
  if (block.begin == nullptr) return nullptr;
  auto* begin = static_cast<std::byte*>(block.begin);
  const size_t past = reinterpret_cast<uintptr_t>(begin) % kAlignment;
  std::byte* data = begin + (kAlignment - past);
  std::memcpy(data - sizeof block, &block, sizeof block);
  return data;
}

}  // namespace

AlignedBytes::AlignedBytes(size_t size) : size_(size) {
  if (size == 0) return;
  data_.reset(zeros(size));
  RLX_CHECK(data_, "no memory for what was known to fit");
}

Result<AlignedBytes> AlignedBytes::make(size_t size, std::string_view what) {
  AlignedBytes made;
  RLX_TRY_VOID(check_memory(what, size));
  if (size == 0) return made;
  made.data_.reset(zeros(size));
  if (!made.data_) return no_memory_for(what, size);
  made.size_ = size;
  return made;
}

AlignedBytes::AlignedBytes(Bytes bytes) : AlignedBytes(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data_.get(), bytes.data(), bytes.size());
}

void AlignedBytes::Free::operator()(std::byte* p) const {
  Block block;
  std::memcpy(&block, p - sizeof block, sizeof block);
  if (block.mapped == 0) return std::free(block.begin);
  munmap(block.begin, block.mapped);
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
