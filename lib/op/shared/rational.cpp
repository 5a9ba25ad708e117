#include "op/shared/rational.h"

#include <cmath>

namespace rlx {

std::optional<Rational> rational_of(float x) {
  if (!std::isfinite(x) || std::abs(x) > 0x1p20F || std::abs(x) < 0x1p-20F) return std::nullopt;
  for (int64_t below = 1; below <= 4096; ++below) {
    const double above = std::round(static_cast<double>(x) * static_cast<double>(below));
    if (static_cast<float>(above / static_cast<double>(below)) == x) {
      return Rational{static_cast<int64_t>(above), below};
    }
  }
  // Of more bits than a small fraction has.
  int exponent = 0;
  const double mantissa = std::ldexp(std::frexp(static_cast<double>(x), &exponent), 24);
  const int shift = 24 - exponent;
  if (shift <= 0) return Rational{static_cast<int64_t>(std::ldexp(mantissa, -shift)), 1};
  return Rational{static_cast<int64_t>(mantissa), int64_t{1} << shift};
}

}  // namespace rlx
