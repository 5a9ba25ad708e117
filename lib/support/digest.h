// A SHA-256 digest as a value; hashing itself is support/hash.h.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rlx {

struct Digest {
  std::array<uint8_t, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
  // 64 lower-case hex digits.
  std::string hex() const;
  static std::optional<Digest> from_hex(std::string_view text);
};

}  // namespace rlx
