// Elements of 4 bits in memory: two a byte, the first in the low half, as ONNX has them. By itself an element is a
// byte.
#pragma once
#include <cstddef>

#include "support/dtype.h"

namespace rlx {

inline std::byte sub_byte_at(DType t, const std::byte* data, int64_t i) {
  const auto both = std::to_integer<unsigned>(data[i / 2]);
  const unsigned bits = (i % 2 == 0 ? both : both >> 4) & 0xF;
  return static_cast<std::byte>(is_signed(t) && bits >= 8 ? bits | 0xF0 : bits);
}

inline void set_sub_byte(std::byte* data, int64_t i, std::byte element) {
  const int shift = i % 2 == 0 ? 0 : 4;
  data[i / 2] &= ~(std::byte{0xF} << shift);
  data[i / 2] |= (element & std::byte{0xF}) << shift;
}

}  // namespace rlx
