// Anonymous memory by the page.
#pragma once
#include <cstddef>
#include <string_view>
#include <utility>

#include "support/hash.h"
#include "support/result.h"

namespace rlx::runtime::cpu {

inline constexpr size_t kAlignment = 64;

constexpr size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// Zeroed pages that take no memory before they are touched.
class Mapping {
 public:
  // Error 11xxx that names `what` where the system refuses. None of 0 bytes maps one page.
  static Result<Mapping> make(size_t bytes,
                              std::string_view what = "what lies between the kernels");
  // For what is filled at once: in big pages, where it would be several and the system has them.
  static Result<Mapping> make_filled(size_t bytes, std::string_view what);
  Mapping() = default;
  ~Mapping();
  Mapping(Mapping&& other) noexcept { swap(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    swap(other);
    return *this;
  }

  std::byte* data() const { return data_; }
  // A whole number of pages.
  size_t size() const { return size_; }
  // mprotect over [offset, offset + bytes), in whole pages; false with errno.
  bool protect(size_t offset, size_t bytes, int protection) const;

 private:
  void swap(Mapping& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Bytes that end at a page which may not be touched, or up to 63 bytes before it: they start at a multiple
// of 64. Everything starts as 0xff, which is NaN in every float type; what lies around the bytes must stay
// so.
class GuardedBlock {
 public:
  static Result<GuardedBlock> make(size_t bytes);

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  // The bytes, what lies around them, and the pages that may not be touched.
  Bytes pages() const { return {mapping_.data(), mapping_.size()}; }
  void fill_with_nan() const;
  // Reading stays allowed.
  void forbid_writing() const;
  void allow_writing() const;
  // Nobody has written beside the bytes.
  bool is_intact() const;

 private:
  Mapping mapping_;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Writes `pattern` again and again, from its byte `phase` on.
void fill_with_pattern(std::span<std::byte> to, std::string_view pattern, size_t phase = 0);

}  // namespace rlx::runtime::cpu
