// SHA-256 over canonical bytes: the one hash of rlx (cache-format/README.md).
//
// Fields are (tag, length, bytes), integers little-endian, floats by their IEEE bits, so that no
// two different sequences of fields give the same bytes and no machine, locale or map order shows.
#pragma once
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "support/digest.h"

namespace rlx {

using Bytes = std::span<const std::byte>;

inline Bytes bytes_of(std::string_view s) { return std::as_bytes(std::span(s.data(), s.size())); }

// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
  Sha256& operator=(Sha256&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
  }

  void update(Bytes data);
  // Once; the hash is used up.
  Digest finish();

 private:
  // OpenSSL's, whose headers stay out of this one.
  void* context_;
};

// Plain SHA-256 of bytes, what `sha256sum` prints.
Digest sha256(Bytes data);

class Hasher {
 public:
  // domain separates kinds of hashes: "rlx.v1.graph".
  explicit Hasher(std::string_view domain);

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
  Digest finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

}  // namespace rlx
