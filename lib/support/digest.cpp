#include "support/digest.h"

namespace rlx {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// The value of a lower-case hex digit; upper case is refused, so that a digest has one spelling.
std::optional<uint8_t> nibble(char c) {
  size_t value = kDigits.find(c);
  if (value == std::string_view::npos) return std::nullopt;
  return static_cast<uint8_t>(value);
}

}  // namespace

std::string Digest::hex() const {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t b : bytes) {
    text += kDigits[b >> 4];
    text += kDigits[b & 15];
  }
  return text;
}

std::optional<Digest> Digest::from_hex(std::string_view text) {
  Digest digest;
  if (text.size() != 2 * digest.bytes.size()) return std::nullopt;
  for (size_t i = 0; i < digest.bytes.size(); ++i) {
    auto high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    digest.bytes[i] = static_cast<uint8_t>(*high << 4 | *low);
  }
  return digest;
}

}  // namespace rlx
