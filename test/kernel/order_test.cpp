// Sums and reductions cut into runs, against plain loops.
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "test/kernel/run.h"

namespace rlx {

TEST_CASE("runs are reduced by themselves and merged in their order") {
  auto text = [](std::string_view order) {
    return fmt::format(R"(kernel "sum" {{
  arg %x : f32[m, n] row_major
  arg %y : f32[m] row_major written
  grid i0 in m
  reduce %y.0 for i1 in n {{
    order {}
    acc0 : f32 = 0.0
    v0 = load %x[i0, i1]
    v1 = acc0
    v2 = add(v1, v0)
    acc0 = v2
    %y[i0] = v1
  }}
}}
)",
                       order);
  };
  // Runs of a multiple of 32 steps; the last ones may have none.
  for (size_t n : {0, 1, 31, 64, 65, 100, 2000}) {
    for (size_t parts : {1, 2, 3, 7}) {
      const Symbols symbols{
          {"m", 5}, {"n", static_cast<int64_t>(n)}, {"p", static_cast<int64_t>(parts)}};
      Vec<float> x = random_floats(5 * n), lanes(5), sequence(5);
      check_run(text("parts p"), symbols, x, lanes);
      check_run(text("sequence parts p"), symbols, x, sequence);
      const size_t length = ((n + parts - 1) / parts + 31) / 32 * 32;
      for (size_t i = 0; i < 5; ++i) {
        float by_lanes = -0.0F, in_sequence = -0.0F;
        for (size_t run = 0; run < parts; ++run) {
          const size_t first = std::min(run * length, n), last = std::min(first + length, n);
          const float* begin = x.data() + i * n + first;
          by_lanes += lane_sum(begin, last - first);
          in_sequence += std::accumulate(begin, begin + (last - first), 0.0F);
        }
        CHECK(lanes[i] == by_lanes);
        CHECK(sequence[i] == in_sequence);
      }
    }
  }
}

TEST_CASE("a grid point may reduce one run") {
  Vec<float> x = random_floats(2 * 7 * 3), y(4 * 2), z(2), whole(2);
  auto sum = [](std::string_view grid, std::string_view order, std::string_view write) {
    return fmt::format(R"(kernel "sum" {{
  arg %x : f32[2, 7, 3] row_major
  arg %y : f32[{1}2] row_major written
  grid {0}i1 in 2
  reduce %y.0 for i2 in 7, i3 in 3 {{
    order parts 4{2}
    acc0 : f32 = 0.0
    v0 = load %x[i1, i2, i3]
    v1 = acc0
    v2 = add(v1, v0)
    acc0 = v2
    %y[{3}i1] = v1
  }}
}}
)",
                       grid, grid.empty() ? "" : "4, ", order, write);
  };
  check_run(sum("i0 in 4, ", " run i0", "i0, "), {}, x, y);
  check_run(sum("", "", ""), {}, x, whole);
  for (size_t i = 0; i < 2; ++i) {
    // Runs of two of the outer loop's steps, and one.
    for (size_t run = 0; run < 4; ++run) {
      float lanes[3] = {};
      for (size_t j = 2 * run; j < std::min<size_t>(2 * run + 2, 7); ++j) {
        for (size_t l = 0; l < 3; ++l) lanes[l] += x[i * 21 + j * 3 + l];
      }
      // Lanes 0 and 2 meet first.
      CHECK(y[run * 2 + i] == lanes[0] + lanes[2] + lanes[1]);
      z[i] += y[run * 2 + i];
    }
    CHECK(whole[i] == z[i]);
  }
}

TEST_CASE("a contraction in runs adds up their sums") {
  std::string text(kMatmul);
  const std::string_view k = "k [i2]\n";
  text.replace(text.find(k), k.size(), "k [i2]\n    order parts 2\n");
  Vec<float> a = random_floats(3 * 7), b = random_floats(35, 2), y(15);
  check_run(text, {{"m", 3}}, a, b, y);
  // All seven steps are in the first run, which has a multiple of 32.
  for (size_t i = 0; i < 15; ++i) {
    float sum = 0;
    for (size_t j = 0; j < 7; ++j) sum = std::fma(a[i / 5 * 7 + j], b[j * 5 + i % 5], sum);
    CHECK(y[i] == sum + 0.0F);
  }
}

TEST_CASE("merging starts from what changes nothing") {
  // 0 + -0 is 0.
  CHECK(std::signbit(identity_of(Fn::kAdd, DType::kF32).f));
  CHECK(identity_of(Fn::kAdd, DType::kI32) == Scalar::of_int(DType::kI32, 0));
  CHECK(identity_of(Fn::kMul, DType::kF64) == Scalar::of(DType::kF64, 1));
  CHECK(identity_of(Fn::kMax, DType::kF32) == Scalar::of(DType::kF32, -INFINITY));
}

}  // namespace rlx
