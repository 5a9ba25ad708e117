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

}  // namespace rlx::test
