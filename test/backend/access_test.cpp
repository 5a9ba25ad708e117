// Accesses: bounds rules, gathers, storages with padding and halo, windows, scatters.
#include <catch2/catch.hpp>

#include "test/backend/kernels.h"
#include "test/backend/program.h"

namespace rlx::test {

TEST_CASE("bounds rules along and across lanes") {
  for (std::string rule : {"fill 2.5", "clamp", "reflect", "wrap"}) {
    const std::string text = bounds_text(rule);
    INFO(rule);
    for (int64_t w : {1, 7, 16, 17, 50}) check_same(text, {{"h", 5}, {"w", w}});
  }
}

TEST_CASE("the fill of the first axis outside counts") {
  check_same(R"(
kernel "b" {
  arg %0 : f32[4, 20] row_major
  arg %1 : f32[8, 24] row_major written
  grid i0 in 8, i1 in 24
  map %1.0 {
    v0 = load %0[i0 - 2 fill 2.5, i1 - 2 fill -1.0]
    %1[i0, i1] = v0
  }
})");
}

TEST_CASE("gathers, rows and elements, negative indexes") {
  std::string rows = R"(
kernel "embed" {
  arg %0 : f32[v, d] row_major
  arg %1 : i64[t] row_major
  arg %2 : f32[t, d] row_major written
  grid i0 in t, i1 in d
  map %2.0 @ ["/embed"] {
    v0 = load %1[i0]
    v1 = load %0[at v0 from end checked, i1]
    %2[i0, i1] = v1
  }
})";
  std::string elements = R"(
kernel "take" {
  arg %0 : f32[4, v] row_major
  arg %1 : i64[4, t] row_major
  arg %2 : f32[4, t] row_major written
  grid i0 in 4, i1 in t
  map %2.0 @ ["/take"] {
    v0 = load %1[i0, i1]
    v1 = load %0[i0, at v0 from end checked]
    %2[i0, i1] = v1
  }
})";
  for (int64_t d : {1, 7, 16, 37}) {
    check_same(rows, {{"v", 11}, {"t", 5}, {"d", d}}, random_indexes(3, -11, 11));
    check_same(elements, {{"v", 11}, {"t", d}}, random_indexes(3, -11, 11));
  }
}

TEST_CASE("an index out of range leaves a trap") {
  Kernel k = parse_kernel(kTake);
  Program p(k, *parse_target("cpu:x86-64-v3"));
  REQUIRE(p.entry().sites.size() == 1);
  CHECK(p.entry().sites[0].node == "/take");
  Symbols symbols{{"t", 20}};
  Vec<Memory> buffers;
  for (size_t bytes : {40, 160, 80}) buffers.emplace_back(bytes);
  auto* index = reinterpret_cast<int64_t*>(buffers[1].data());
  for (int64_t i = 0; i < 20; ++i) index[i] = i % 10;
  CHECK(p.run(buffers, symbols, 0, p.tiles(symbols)).site == 0);
  index[18] = 77;
  image::Trap trap = p.run(buffers, symbols, 0, p.tiles(symbols));
  CHECK(trap.site == 1);
  CHECK(trap.value == 77);
  CHECK(trap.extent == 10);
}

TEST_CASE("padded channels are written whole and hold the fill") {
  std::string text = R"(
kernel "relu" {
  arg %0 : f32[2, c, 5, 6] row_major
  arg %1 : f32[2, c, 5, 6] [0, 2, 3, 1] pad {1: to 16, 2: lo 1 hi 1, 3: lo 1 hi 1} fill 0.0 written
  grid i0 in 2, i1 in c, i2 in 5, i3 in 6
  map %1.0 {
    v0 = load %0[i0, i1, i2, i3]
    v1 : f32 = const 0.0
    v2 = max(v0, v1)
    %1[i0, i1, i2, i3] = v2
  }
})";
  for (std::string c : {"1", "3", "16", "21", "32"}) check_same(filled(text, {{"c,", c + ","}}));
}

TEST_CASE("channels-last pooling reads the halo") {
  for (std::string c : {"3", "16", "40"}) {
    std::string text = filled(R"(
kernel "pool" {
  arg %0 : f32[2, CC, 9, 10] [0, 2, 3, 1] pad {1: to 16, 2: lo 1 hi 1, 3: lo 1 hi 1} fill -inf
  arg %1 : f32[2, CC, 5, 5] [0, 2, 3, 1] pad {1: to 16} fill -inf written
  grid i0 in 2, i1 in CC, i2 in 5, i3 in 5
  reduce %1.0 for i4 in 3, i5 in 3 {
    acc0 : f32 = -inf
    v0 = acc0
    v1 = load %0[i0, i1, i2 * 2 + i4 - 1 fill -inf, i3 * 2 + i5 - 1 fill -inf]
    v2 = max(v0, v1)
    acc0 = v2
    %1[i0, i1, i2, i3] = v0
  }
})",
                              {{"CC", c}});
    check_same(text);
  }
}

TEST_CASE("average pooling of plain images, counting what is inside") {
  std::string text = R"(
kernel "pool" {
  arg %0 : f32[n, 4, 9, w] row_major
  arg %1 : f32[n, 4, 5, w floordiv 2] row_major written
  grid i0 in n, i1 in 4, i2 in 5, i3 in w floordiv 2
  reduce %1.0 for i4 in 3, i5 in 3 {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i1, i2 * 2 + i4 - 1 fill 0.0, i3 * 2 + i5 - 1 fill 0.0]
    v2 = add(v0, v1)
    v3 : f32 = const 9.0
    v4 = div(v0, v3)
    acc0 = v2
    %1[i0, i1, i2, i3] = v4
  }
})";
  for (int64_t w : {2, 10, 33, 70}) check_same(text, {{"n", 2}, {"w", w}});
}

TEST_CASE("global pooling over channels-last images") {
  const std::string text = R"(
kernel "pool" {
  arg %0 : f32[2, 24, HH, WW] [0, 2, 3, 1]
  arg %1 : f32[2, 24] row_major written
  grid i0 in 2, i1 in 24
  reduce %1.0 for i2 in HH, i3 in WW {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i1, i2, i3]
    v2 = add(v0, v1)
    acc0 = v2
    %1[i0, i1] = v0
  }
})";
  const std::pair<std::string, std::string> sizes[] = {{"7", "7"}, {"3", "40"}, {"h", "w"}};
  for (const auto& [h, w] : sizes) {
    check_same(filled(text, {{"HH", h}, {"WW", w}}), {{"h", 5}, {"w", 19}});
  }
}

TEST_CASE("blocked storages: panels of 16 columns") {
  std::string text = R"(
kernel "panels" {
  arg %0 : f32[k, 40] row_major
  arg %1 : f32[k, 40] [1/16, 0, 1%16] pad {1: to 16} fill 0.0 written
  grid i0 in k, i1 in 40
  map %1.0 {
    v0 = load %0[i0, i1]
    v1 = neg(v0)
    %1[i0, i1] = v1
  }
})";
  check_same(text, {{"k", 5}});
}

TEST_CASE("writes that combine do as they are asked, wherever they go") {
  for (std::string write : {"+=", "*=", "max=", "min="}) {
    for (std::string place : {"[0]", "[i0 floordiv 2]", "[at v0]"}) {
      std::string text = R"(
kernel "combine" {
  arg %0 : f32[t] row_major
  arg %1 : i64[t] row_major
  arg %2 : f32[16] row_major written
  grid i0 in t
  map %2.0 {
    v0 = load %1[i0]
    v1 = load %0[i0]
    v2 : f32 = cast(v0)
    v3 = add(v1, v2)
    %2)" + place + " " + write +
                         R"( v3
  }
})";
      INFO(text);
      check_same(text, {{"t", 20}}, random_indexes(5, 0, 16));
    }
  }
}

TEST_CASE("each lane reads its own elements of a local, wherever they lie") {
  std::string text = R"(
kernel "own" {
  arg %0 : f32[n] row_major
  arg %1 : f32[n] row_major written
  local l0 : f32[8]
  grid i0 in n
  map %1.0 for i1 in 8 {
    v0 = load %0[i0]
    v1 = index i1
    v2 : f32 = cast(v1)
    v3 = mul(v0, v2)
    l0[i1] = v3
  }
  map %1.1 {
    v0 = load l0[i0 mod 8]
    %1[i0] = v0
  }
})";
  for (int64_t n : {1, 7, 16, 33}) check_same(text, {{"n", n}});
}

TEST_CASE("writes that combine run in order") {
  std::string text = R"(
kernel "scatter" {
  arg %0 : f32[t, d] row_major
  arg %1 : i64[t] row_major
  arg %2 : f32[6, d] row_major written
  grid i0 in t, i1 in d
  map %2.0 {
    v0 = load %1[i0]
    v1 = load %0[i0, i1]
    v2 : f32 = cast(v0)
    v3 = add(v1, v2)
    %2[at v0, i1] += v3
  }
})";
  check_same(text, {{"t", 20}, {"d", 5}}, random_indexes(5, 0, 6));
}

TEST_CASE("products as plain loops") {
  std::string text = R"(
kernel "matmul" {
  arg %0 : f32[b, m, k] row_major
  arg %1 : f32[b, k, n] row_major
  arg %2 : f32[n] row_major
  arg %3 : f32[b, m, n] row_major written
  local l0 : f32[]
  grid i0 in b, i1 in m, i2 in n
  contract %3.0 for i3 in k {
    batch [i0] m [i1] n [i2] k [i3]
    acc0 : f32
    v0 = load %0[i0, i1, i3]
    v1 = load %1[i0, i3, i2]
    v2 = acc0
    a = v0
    b = v1
    l0[] = v2
  }
  map %3.1 {
    v0 = load l0[]
    v1 = load %2[i2]
    v2 = add(v0, v1)
    v3 : f32 = const 0.0
    v4 = max(v2, v3)
    %3[i0, i1, i2] = v4
  }
})";
  for (int64_t n : {1, 7, 16, 33}) check_same(text, {{"b", 2}, {"m", 5}, {"k", 9}, {"n", n}});
  std::string transposed =
      filled(filled(text, {{"f32[b, k, n] row_major", "f32[b, n, k] row_major"}}),
             {{"%1[i0, i3, i2]", "%1[i0, i2, i3]"}});
  check_same(transposed, {{"b", 2}, {"m", 5}, {"k", 19}, {"n", 17}});
}

TEST_CASE("convolutions as plain loops, grouped ones too") {
  std::string text = R"(
kernel "conv" {
  arg %0 : f32[2, 6, 8, 9] STORAGE
  arg %1 : f32[10, 6, 3, 3] row_major
  arg %2 : f32[2, 10, 4, 5] STORAGE written
  grid i0 in 2, i1 in 10, i2 in 4, i3 in 5
  conv %2.0 for i4 in 6, i5 in 3, i6 in 3 {
    batch i0 out i1 in i4 pixel [i2, i3] window [i5, i6]
    acc0 : f32
    v0 = load %0[i0, i4, i2 * 2 + i5 - 1 fill 0.0, i3 * 2 + i6 - 1 fill 0.0]
    v1 = load %1[i1, i4, i5, i6]
    v2 = acc0
    x = v0
    w = v1
    %2[i0, i1, i2, i3] = v2
  }
})";
  check_same(filled(text, {{"STORAGE", "row_major"}}));
  check_same(filled(
      text, {{"STORAGE", "[0, 2, 3, 1] pad {1: to 16, 2: lo 1 hi 1, 3: lo 1 hi 1} fill 0.0"}}));
}

}  // namespace rlx::test
