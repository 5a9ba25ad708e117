// SHA-256 over canonical bytes: the one hash of rlx (cache-format/README.md).
//
// Fields are (tag, length, bytes), integers little-endian, floats by their IEEE bits, so that no two
// different sequences of fields give the same bytes and no machine, locale or map order shows.
#pragma once
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "support/digest.h"

namespace rlx {

using Bytes = std::span<const std::byte>;

inline Bytes bytes_of(std::string_view s) { return std::as_bytes(std::span(s.data(), s.size())); }

class Hasher {
 public:
  // domain separates kinds of hashes: "rlx.v1.graph".
  explicit Hasher(std::string_view domain);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void field(std::string_view tag, Bytes value);
  void field(std::string_view tag, std::string_view value) { field(tag, bytes_of(value)); }
  void field(std::string_view tag, const Digest& value) {
    field(tag, std::as_bytes(std::span(value.bytes)));
  }
  template <class T>
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T>)
  void field(std::string_view tag, T value) {
    field(tag, std::as_bytes(std::span(&value, 1)));
  }
  Digest finish();

 private:
  friend Digest sha256(Bytes data);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Plain SHA-256 of bytes, what `sha256sum` prints.
Digest sha256(Bytes data);

}  // namespace rlx
