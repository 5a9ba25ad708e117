// Pixels that are divided become two loops.
#include "backend/cpu/phases.h"

#include <catch2/catch.hpp>

#include "test/backend/kernels.h"
#include "test/backend/program.h"

namespace rlx::backend::cpu {
namespace {

// The grid's extents of a transposed convolution with that stride, of so many pixels.
Vec<int64_t> extents_in_phases(std::string_view stride, std::string_view pixels) {
  const Kernel k = in_phases(test::parse_kernel(
      test::filled(R"(
kernel "transposed" {
  arg %0 : f32[2, 4, 9] row_major
  arg %1 : f32[4, 3, 8] row_major
  arg %2 : f32[2, 3, PIXELS] row_major written
  grid i0 in 2, i1 in 3, i2 in PIXELS
  conv %2.0 for i3 in 4, i4 in 2 {
    batch i0 out i1 in i3 pixel [i2] window [i4]
    acc0 : f32
    v0 = load %0[i0, i3, i4 + i2 floordiv STRIDE fill 0.0]
    v1 = load %1[i3, i1, i4 * -STRIDE + i2 mod STRIDE + STRIDE]
    v2 = acc0
    x = v0
    w = v1
    %2[i0, i1, i2] = v2
  }
})",
                   {{"PIXELS", std::string(pixels)}, {"STRIDE", std::string(stride)}})));
  Vec<int64_t> extents;
  for (const Loop& l : k.grid) extents.push_back(l.extent.constant().value_or(-1));
  return extents;
}

}  // namespace

TEST_CASE("pixels of a transposed convolution are those of each phase of its stride") {
  CHECK(extents_in_phases("2", "12") == Vec<int64_t>{2, 3, 6, 2});
  CHECK(extents_in_phases("4", "12") == Vec<int64_t>{2, 3, 3, 4});
  // They are not as many in each phase, or there is one phase alone.
  CHECK(extents_in_phases("2", "13") == Vec<int64_t>{2, 3, 13});
  CHECK(extents_in_phases("4", "4") == Vec<int64_t>{2, 3, 4});
}

}  // namespace rlx::backend::cpu
