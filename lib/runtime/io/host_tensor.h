// A tensor in this machine's memory: what files are read into and written from.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "support/dtype.h"
#include "support/hash.h"
#include "support/result.h"

namespace rlx {

// Bytes that start at a multiple of 64, as vector code likes them.
class AlignedBytes {
 public:
  static constexpr size_t kAlignment = 64;

  AlignedBytes() = default;
  // Zeros.
  explicit AlignedBytes(size_t size);
  // Zeros, or nullopt where the system has not that much memory: of sizes that a file or a user names.
  static std::optional<AlignedBytes> make(size_t size);
  explicit AlignedBytes(Bytes bytes);
  AlignedBytes(const AlignedBytes& o) : AlignedBytes(o.bytes()) {}
  AlignedBytes(AlignedBytes&&) noexcept = default;
  AlignedBytes& operator=(AlignedBytes o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }

  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  size_t size() const { return size_; }
  Bytes bytes() const { return {data_.get(), size_}; }
  bool operator==(const AlignedBytes& o) const { return std::ranges::equal(bytes(), o.bytes()); }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
  size_t size_ = 0;
};

// Dense, row-major, little-endian.
struct HostTensor {
  std::string name;
  DType dtype = DType::kF32;
  Vec<int64_t> shape = {};
  AlignedBytes data = {};

  int64_t elements() const;
  bool operator==(const HostTensor&) const = default;
};

// Bytes of such a tensor; nullopt where an extent is negative, the type has no size, or the product is
// beyond any memory.
std::optional<size_t> tensor_bytes(DType dtype, const Vec<int64_t>& shape);

}  // namespace rlx
