// Which results may lie where an operand does, told from the kernel alone.
#include "plan/in_place.h"

#include <catch2/catch.hpp>

#include "test/backend/program.h"

namespace rlx::test {

TEST_CASE("a result takes the place of what no later stage reads") {
  const Kernel k = parse_kernel(R"(
kernel "twice" {
  arg %0 : f32[n] row_major
  arg %1 : f32[n] row_major written
  arg %2 : f32[n] row_major written
  grid i0 in n
  map %1.0 {
    v0 = load %0[i0]
    v1 = neg(v0)
    %1[i0] = v1
  }
  map %2.0 {
    v0 = load %0[i0]
    v1 = abs(v0)
    %2[i0] = v1
  }
})");
  CHECK_FALSE(may_replace(k, 0, 1));
  CHECK(may_replace(k, 0, 2));
}

TEST_CASE("a result takes no place of what another grid point reads") {
  const Kernel k = parse_kernel(R"(
kernel "back" {
  arg %0 : f32[8] row_major
  arg %1 : f32[8] row_major written
  grid i0 in 8
  map %1.0 {
    v0 = load %0[7 - i0]
    %1[i0] = v0
  }
})");
  CHECK_FALSE(may_replace(k, 0, 1));
}

TEST_CASE("what replaces an operand waits for the loops of who sums it up") {
  check_same(R"(
kernel "sum_and_map" {
  arg %0 : f32[3, 37] row_major in m0[3, 37] row_major at [0, 0]
  arg %1 : f32[3] row_major written
  arg %2 : f32[3, 37] row_major in m0[3, 37] row_major at [0, 0] written
  grid i0 in 3
  reduce %1.0 for i1 in 37 {
    acc0 : f32 = 0.0
    v0 = load %0[i0, i1]
    v1 = acc0
    v2 = add(v1, v0)
    acc0 = v2
    %1[i0] = v1
  }
  map %2.0 for i2 in 37 {
    v0 = load %0[i0, i2]
    v1 = sigmoid(v0)
    %2[i0, i2] = v1
  }
})");
}

TEST_CASE("what replaces an operand waits for the loops of who reads another element of it") {
  check_same(R"(
kernel "turned_and_map" {
  arg %0 : f32[3, 37] row_major in m0[3, 37] row_major at [0, 0]
  arg %1 : f32[3, 37] row_major written
  arg %2 : f32[3, 37] row_major in m0[3, 37] row_major at [0, 0] written
  grid i0 in 3
  map %1.0 for i1 in 37 {
    v0 = load %0[i0, 36 - i1]
    v1 = neg(v0)
    %1[i0, i1] = v1
  }
  map %2.0 for i2 in 37 {
    v0 = load %0[i0, i2]
    v1 = sigmoid(v0)
    %2[i0, i2] = v1
  }
})");
}

}  // namespace rlx::test
