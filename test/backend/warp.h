// What the threads of a warp do together, on this CPU.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace rlx::test {

// What a thread brings to the meeting of its warp, and what it gets.
struct Meeting {
  enum class What : uint8_t { kShift, kLoad, kLoadTransposed, kMultiplyBF16, kMultiplyF16 };

  What what = What::kShift;
  // kShift: from so many lanes further on.
  int32_t distance = 0;
  // kLoad: eight numbers of 16 bits.
  const void* row = nullptr;
  // kShift: one. kMultiply: four of the left matrix, two of the right one, four sums; else what it gets.
  std::array<uint32_t, 10> words = {};
};

// All 32 have come.
void meet(std::span<Meeting*, 32> lanes);

}  // namespace rlx::test
