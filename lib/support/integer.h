// Division of numbers that are not negative by positive ones, rounded up. No sum is made that could overflow.
#pragma once
#include <cstdint>

namespace rlx {

constexpr int64_t ceil_of(int64_t a, int64_t b) { return a / b + (a % b != 0); }
constexpr int64_t round_up(int64_t n, int64_t to) { return ceil_of(n, to) * to; }
// n, not 0, in as few parts as none above `most` allows, of one size as near as can be: the greatest of them.
constexpr int64_t even_part(int64_t n, int64_t most) { return ceil_of(n, ceil_of(n, most)); }

}  // namespace rlx
