// What plan/ weighs: cycles of one core, roughly. All arithmetic saturates, so that no extent that a file can
// name makes a dear plan look cheap.
#pragma once
#include <compare>
#include <cstdint>
#include <limits>

namespace rlx {

struct Cost {
  int64_t cycles = 0;

  static constexpr Cost most() { return {std::numeric_limits<int64_t>::max()}; }

  auto operator<=>(const Cost&) const = default;
};

constexpr Cost operator+(Cost a, Cost b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a.cycles, b.cycles, &sum)) return {sum};
  return {a.cycles < 0 ? std::numeric_limits<int64_t>::min() : Cost::most().cycles};
}

constexpr Cost operator-(Cost a, Cost b) {
  int64_t difference = 0;
  if (!__builtin_sub_overflow(a.cycles, b.cycles, &difference)) return {difference};
  return {a.cycles < 0 ? std::numeric_limits<int64_t>::min() : Cost::most().cycles};
}

constexpr Cost operator*(Cost a, int64_t times) {
  int64_t product = 0;
  if (!__builtin_mul_overflow(a.cycles, times, &product)) return {product};
  const bool negative = (a.cycles < 0) != (times < 0);
  return {negative ? std::numeric_limits<int64_t>::min() : Cost::most().cycles};
}

constexpr Cost& operator+=(Cost& a, Cost b) { return a = a + b; }

}  // namespace rlx
