#include "support/utf8.h"

#include <cstdint>

namespace rlx {

size_t utf8_length(std::string_view text) {
  auto at = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0U; };
  auto tail = [&](size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned a = at(0), b = at(1);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF && tail(1)) return 2;
  if (a >= 0xE0 && a <= 0xEF && tail(1) && tail(2)) {
    const bool overlong = a == 0xE0 && b < 0xA0, surrogate = a == 0xED && b >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (a >= 0xF0 && a <= 0xF4 && tail(1) && tail(2) && tail(3)) {
    const bool overlong = a == 0xF0 && b < 0x90, too_big = a == 0xF4 && b >= 0x90;
    return overlong || too_big ? 0 : 4;
  }
  return 0;
}

}  // namespace rlx
