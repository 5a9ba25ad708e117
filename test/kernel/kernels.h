// Kernels as text, for the tests of this folder.
#pragma once
#include <catch2/catch.hpp>

#include "kernel/kernel.h"

namespace rlx {

// The one kernel of the text.
inline Kernel kernel_of(std::string_view text) {
  auto kernels = parse_kernels(text);
  INFO(text);
  if (!kernels) FAIL(to_text(kernels.error()));
  REQUIRE(kernels->size() == 1);
  return std::move((*kernels)[0]);
}

inline constexpr std::string_view kSoftmax = R"(kernel "softmax" {
  arg %x : f32[rows, 64] row_major
  arg %y : f32[rows, 64] row_major written
  local l0 : f32[]
  local l1 : f32[64]
  local l2 : f32[]
  grid i0 in rows
  reduce %y.0 for i1 in 64 @ ["/softmax"] {
    acc0 : f32 = -inf
    v0 = load %x[i0, i1]
    v1 = acc0
    v2 = max(v1, v0)
    acc0 = v2
    l0[] = v1
  }
  map %y.1 for i2 in 64 @ ["/softmax"] {
    v0 = load %x[i0, i2]
    v1 = load l0[]
    v2 = sub(v0, v1)
    v3 = exp(v2)
    l1[i2] = v3
  }
  reduce %y.2 for i3 in 64 @ ["/softmax"] {
    acc0 : f32 = 0.0
    v0 = load l1[i3]
    v1 = acc0
    v2 = add(v1, v0)
    acc0 = v2
    l2[] = v1
  }
  map %y.3 for i4 in 64 @ ["/softmax"] {
    v0 = load l1[i4]
    v1 = load l2[]
    v2 = div(v0, v1)
    %y[i0, i4] = v2
  }
}
)";

inline constexpr std::string_view kConv = R"(kernel "conv" {
  arg %x : f32[n, 3, 8, 8] [0, 2, 3, 1] pad {1: to 16, 2: lo 1 hi 1, 3: lo 1 hi 1} fill 0.0
  arg %w : f32[5, 3, 3, 3] row_major constant
  arg %y : f32[n, 5, 4, 4] row_major written
  grid i0 in n, i1 in 5, i2 in 4, i3 in 4
  conv %y.0 for i4 in 3, i5 in 3, i6 in 3 relaxed {
    batch i0 out i1 in i4 pixel [i2, i3] window [i5, i6]
    acc0 : f32
    v0 = load %x[i0, i4, i2 * 2 + i5 - 1 fill 0.0, i3 * 2 + i6 - 1 fill 0.0]
    v1 = load %w[i1, i4, i5, i6]
    v2 = acc0
    x = v0
    w = v1
    %y[i0, i1, i2, i3] = v2
  }
}
)";

// Two groups: channels 0 to 2 of x make channels 0 and 1 of y, the others make 2 and 3.
inline constexpr std::string_view kGrouped = R"(kernel "grouped" {
  arg %x : f32[n, 6, 8] row_major
  arg %w : f32[4, 3, 3] row_major constant
  arg %y : f32[n, 4, 6] row_major written
  grid i0 in n, i1 in 4, i2 in 6
  conv %y.0 for i3 in 3, i4 in 3 {
    batch i0 out i1 in i3 pixel [i2] window [i4]
    acc0 : f32
    v0 = load %x[i0, i1 floordiv 2 * 3 + i3, i2 + i4]
    v1 = load %w[i1, i3, i4]
    v2 = acc0
    x = v0
    w = v1
    %y[i0, i1, i2] = v2
  }
}
)";

inline constexpr std::string_view kMatmul = R"(kernel "matmul" {
  arg %a : f32[m, 7] row_major
  arg %b : f32[7, 5] row_major
  arg %y : f32[m, 5] row_major written
  grid i0 in m, i1 in 5
  contract %y.0 for i2 in 7 {
    batch [] m [i0] n [i1] k [i2]
    acc0 : f32
    v0 = load %a[i0, i2]
    v1 = load %b[i2, i1]
    v2 = acc0
    a = v0
    b = v1
    %y[i0, i1] = v2
  }
}
)";

inline constexpr std::string_view kSmallest = R"(kernel "smallest" {
  arg %x : i32[4, 6] row_major
  arg %y : i64[4, 3] row_major written
  grid i0 in 4
  sort %y.0 for i1 in 3, i2 in 6 {
    rank i1 over i2
    acc0 : i64
    v0 = load %x[i0, i2]
    v1 = acc0
    key = v0
    %y[i0, i1] = v1
  }
}
)";

inline constexpr std::string_view kCumsum = R"(kernel "cumsum" {
  arg %x : f32[4, 6] row_major
  arg %y : f32[4, 6] row_major written
  grid i0 in 4
  scan %y.0 for i1 in 6 {
    over i1 exclusive reverse
    acc0 : f32 = 0.0
    v0 = load %x[i0, i1]
    v1 = acc0
    v2 = add(v1, v0)
    acc0 = v2
    %y[i0, i1] = v1
  }
}
)";

// A table read at indexes that are data; the sum of rows that go to the same place.
inline constexpr std::string_view kScatter = R"(kernel "scatter" {
  arg %t : f32[10, 4] row_major
  arg %i : i64[n] row_major
  arg %y : f32[3, 4] row_major written
  grid i0 in n, i1 in 4
  map %y.0 {
    v0 = load %i[i0]
    v1 = load %t[at v0 from end checked, i1]
    v2 : i64 = const 3
    v3 = rem(v0, v2)
    %y[at v3 checked, i1] += v1
  }
}
)";

}  // namespace rlx
