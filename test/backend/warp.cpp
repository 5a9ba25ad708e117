#include "test/backend/warp.h"

#include <bit>
#include <cmath>

#include "kernel/half.h"

namespace rlx::test {

namespace {

using Lanes = std::span<Meeting*, 32>;

void shift(Lanes lanes) {
  for (size_t i = 0; i < lanes.size(); ++i) {
    const size_t from = i + static_cast<size_t>(lanes[i]->distance);
    if (from < lanes.size()) lanes[i]->words[0] = lanes[from]->words[0];
  }
}

uint32_t pair(uint16_t low, uint16_t high) { return low | static_cast<uint32_t>(high) << 16; }

void load(Lanes lanes, bool transposed) {
  std::array<std::array<uint16_t, 8>, 32> rows = {};
  for (size_t i = 0; i < lanes.size(); ++i) std::memcpy(&rows[i], lanes[i]->row, sizeof rows[i]);
  for (size_t i = 0; i < lanes.size(); ++i) {
    const size_t line = i / 4, at = i % 4 * 2;
    for (size_t m = 0; m < 4; ++m) {
      const auto* rows_of = &rows[m * 8];
      lanes[i]->words[m] = transposed ? pair(rows_of[at][line], rows_of[at + 1][line])
                                      : pair(rows_of[line][at], rows_of[line][at + 1]);
    }
  }
}

float number(uint32_t word, size_t half, bool is_bf16) {
  const auto bits = static_cast<uint16_t>(word >> (16 * half));
  return is_bf16 ? from_bf16(bits) : from_f16(bits);
}

// Of 16 x 16 numbers of the left one and 16 x 8 of the right one, by the lanes that have them.
float left_at(Lanes lanes, size_t row, size_t step, bool is_bf16) {
  const Meeting& lane = *lanes[row % 8 * 4 + step % 8 / 2];
  return number(lane.words[row / 8 + step / 8 * 2], step % 2, is_bf16);
}

float right_at(Lanes lanes, size_t step, size_t column, bool is_bf16) {
  const Meeting& lane = *lanes[column * 4 + step % 8 / 2];
  return number(lane.words[4 + step / 8], step % 2, is_bf16);
}

void multiply(Lanes lanes, bool is_bf16) {
  std::array<std::array<uint32_t, 4>, 32> sums = {};
  for (size_t i = 0; i < lanes.size(); ++i) {
    for (size_t r = 0; r < 4; ++r) {
      const size_t row = i / 4 + r / 2 * 8, column = i % 4 * 2 + r % 2;
      auto sum = std::bit_cast<float>(lanes[i]->words[6 + r]);
      for (size_t step = 0; step < 16; ++step) {
        sum = std::fma(left_at(lanes, row, step, is_bf16), right_at(lanes, step, column, is_bf16),
                       sum);
      }
      sums[i][r] = std::bit_cast<uint32_t>(sum);
    }
  }
  for (size_t i = 0; i < lanes.size(); ++i) {
    for (size_t r = 0; r < 4; ++r) lanes[i]->words[r] = sums[i][r];
  }
}

}  // namespace

void meet(Lanes lanes) {
  switch (lanes[0]->what) {
    case Meeting::What::kShift: return shift(lanes);
    case Meeting::What::kLoad: return load(lanes, false);
    case Meeting::What::kLoadTransposed: return load(lanes, true);
    case Meeting::What::kMultiplyBF16: return multiply(lanes, true);
    case Meeting::What::kMultiplyF16: return multiply(lanes, false);
  }
}

}  // namespace rlx::test
