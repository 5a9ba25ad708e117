#include "test/backend/matrices.h"

#include <random>

#include "backend/cuda/matrix.h"
#include "backend/cuda/warp_product.h"
#include "test/backend/kernels.h"

namespace rlx::test {

namespace {

Fill whole_numbers(unsigned seed) {
  return [seed](const Arg& arg, std::span<std::byte> dense) {
    std::mt19937 random(seed);
    const auto size = static_cast<size_t>(size_of(arg.dtype));
    for (size_t i = 0; i < dense.size(); i += size) {
      to_bytes(Scalar::of(arg.dtype, static_cast<double>(random() % 9) - 4), &dense[i]);
    }
  };
}

struct Sizes {
  int64_t b = 1, m = 1, n = 1, k = 1;
};

Symbols symbols_for(const Sizes& s) { return {{"b", s.b}, {"m", s.m}, {"n", s.n}, {"k", s.k}}; }

// With extents in place of the symbols.
std::string closed(const std::string& text, const Sizes& s) {
  return filled(text, {{"[B", "[" + std::to_string(s.b)},
                       {"in B", "in " + std::to_string(s.b)},
                       {"M,", std::to_string(s.m) + ","},
                       {"M]", std::to_string(s.m) + "]"},
                       {"N]", std::to_string(s.n) + "]"},
                       {"N,", std::to_string(s.n) + ","},
                       {"K,", std::to_string(s.k) + ","},
                       {"K]", std::to_string(s.k) + "]"},
                       {"in M", "in " + std::to_string(s.m)},
                       {"in N", "in " + std::to_string(s.n)},
                       {"in K", "in " + std::to_string(s.k)}});
}

std::string open(const std::string& text) {
  return filled(text, {{"[B", "[b"},
                       {"in B", "in b"},
                       {"M,", "m,"},
                       {"M]", "m]"},
                       {"N]", "n]"},
                       {"N,", "n,"},
                       {"K,", "k,"},
                       {"K]", "k]"},
                       {"in M", "in m"},
                       {"in N", "in n"},
                       {"in K", "in k"}});
}

// Operands as they lie.
const char* const kPlain = R"(
kernel "matmul" {
  arg %0 : TYPE[B, M, K] LEFT
  arg %1 : TYPE[B, K, N] RIGHT
  arg %2 : TYPE[B, M, N] row_major written
  grid i0 in B, i1 in M, i2 in N
  contract %2.0 for i3 in K relaxed {
    batch [i0] m [i1] n [i2] k [i3]
    acc0 : f32
    v0 = load %0[i0, i1, i3]
    v1 : f32 = cast(v0)
    v2 = load %1[i0, i3, i2]
    v3 : f32 = cast(v2)
    v4 = acc0
    v5 : TYPE = cast(v4)
    a = v1
    b = v3
    %2[i0, i1, i2] = v5
  }
})";

// Operands that are computed, and something computed of the sums.
const char* const kComputed = R"(
kernel "matmul" {
  arg %0 : f32[B, M, K] LEFT
  arg %1 : TYPE[B, K, N] RIGHT
  arg %2 : f32[N] row_major
  arg %3 : f32[B, M, N] row_major
  arg %4 : f32[B, M, N] row_major written
  local l0 : f32[]
  grid i0 in B, i1 in M, i2 in N
  contract %4.0 for i3 in K relaxed {
    batch [i0] m [i1] n [i2] k [i3]
    acc0 : f32
    v0 = load %0[i0, i1, i3]
    v1 : f32 = const 2.0
    v2 = mul(v0, v1)
    v3 : TYPE = cast(v2)
    v4 : f32 = cast(v3)
    v5 = load %1[i0, i3, i2]
    v6 : f32 = cast(v5)
    v7 : f32 = neg(v6)
    v8 : TYPE = cast(v7)
    v9 : f32 = cast(v8)
    v10 = acc0
    a = v4
    b = v9
    l0[] = v10
  }
  map %4.1 {
    v0 = load l0[]
    v1 = load %2[i2]
    v2 = add(v0, v1)
    v3 : f32 = const 0.0
    v4 = max(v2, v3)
    v5 = load %3[i0, i1, i2]
    v6 = add(v4, v5)
    %4[i0, i1, i2] = v6
  }
})";

const char* const kColumn = R"(
kernel "column" {
  arg %0 : TYPE[M, K] LEFT
  arg %1 : TYPE[K] row_major
  arg %2 : f32[M] row_major written
  grid i0 in M
  contract %2.0 for i1 in K relaxed {
    batch [] m [i0] n [] k [i1]
    acc0 : f32
    v0 = load %0[i0, i1]
    v1 : f32 = cast(v0)
    v2 = load %1[i1]
    v3 : f32 = cast(v2)
    v4 = acc0
    a = v1
    b = v3
    %2[i0] = v4
  }
})";

const char* const kConv = R"(
kernel "conv" {
  arg %0 : TYPE[2, C, 13, 17] IMAGE
  arg %1 : TYPE[O, C, WINDOW, WINDOW] WEIGHTS
  arg %2 : TYPE[2, O, 5, 7] RESULT written
  local l0 : f32[]
  grid i0 in 2, i1 in O, i2 in 5, i3 in 7
  conv %2.0 for i4 in C, i5 in WINDOW, i6 in WINDOW relaxed {
    batch i0 out i1 in i4 pixel [i2, i3] window [i5, i6]
    acc0 : f32
    v0 = load %0[i0, i4, i2 * 2 + i5 * STEP - 1 fill 0.0, i3 * 2 + i6 * STEP - 2 fill 0.0]
    v1 : f32 = cast(v0)
    v2 = load %1[i1, i4, i5, i6]
    v3 : f32 = cast(v2)
    v4 = acc0
    x = v1
    w = v3
    l0[] = v4
  }
  map %2.1 {
    v0 = load l0[]
    v1 : f32 = const 0.0
    v2 = max(v0, v1)
    v3 : TYPE = cast(v2)
    %2[i0, i1, i2, i3] = v3
  }
})";

class Matrices {
 public:
  void add(const std::string& name, const std::string& text, const Symbols& symbols) {
    for (const std::string type : {"bf16", "f16"}) {
      const std::string of_type = filled(text, {{"TYPE", type}});
      cases_.push_back({"matrices, " + name + ", " + type, parse_kernel(of_type), symbols,
                        whole_numbers(static_cast<unsigned>(cases_.size()))});
    }
  }

  void add_products(const std::string& name, const std::string& text) {
    const std::string row_major = "row_major", turned = "[0, 2, 1]";
    for (const auto& [left, right] : {std::pair(row_major, row_major),
                                      {turned, row_major},
                                      {row_major, turned},
                                      {turned, turned}}) {
      const std::string stored = filled(text, {{"LEFT", left}, {"RIGHT", right}});
      const std::string named = name + ", " + left + " by " + right;
      const Sizes whole{.b = 2, .m = 72, .n = 88, .k = 200}, odd{.b = 1, .m = 35, .n = 71, .k = 77};
      add(named + ", whole", closed(stored, whole), {});
      add(named + ", odd", closed(stored, odd), {});
      add(named + ", open", open(stored), symbols_for({.b = 2, .m = 19, .n = 40, .k = 130}));
    }
    const std::string plain = filled(text, {{"LEFT", row_major}, {"RIGHT", row_major}});
    add(name + ", no depth", open(plain), symbols_for({.b = 1, .m = 3, .n = 9, .k = 0}));
    add(name + ", no rows", open(plain), symbols_for({.b = 1, .m = 0, .n = 9, .k = 4}));
  }

  void add_few_rows(const std::string& name, const std::string& text) {
    const std::string stored = filled(text, {{"LEFT", "row_major"}, {"RIGHT", "[0, 2, 1]"}});
    for (const int64_t m : {1, 3, 8}) {
      const std::string named = name + ", rows: " + std::to_string(m);
      // The third is not as long as a warp's runs; the last is taken in several runs at once.
      for (const int64_t depth : {77, 144, 1024}) {
        const Sizes sizes{.b = 2, .m = m, .n = 19, .k = depth};
        add(named + ", depth " + std::to_string(depth), closed(stored, sizes), {});
      }
    }
  }

  void add_conv(const std::string& name, int64_t channels, int64_t window, int64_t step,
                const std::string& storage) {
    add("conv " + name,
        filled(kConv, {{"C,", std::to_string(channels) + ","},
                       {"in C", "in " + std::to_string(channels)},
                       {"[O,", "[24,"},
                       {", O,", ", 24,"},
                       {"in O", "in 24"},
                       {"WINDOW", std::to_string(window)},
                       {"STEP", std::to_string(step)},
                       {"IMAGE", storage},
                       {"WEIGHTS", storage},
                       {"RESULT", storage}}),
        {});
  }

  Vec<Case> take() { return std::move(cases_); }

 private:
  Vec<Case> cases_;
};

}  // namespace

Vec<Case> matrix_cases() {
  Matrices c;
  c.add_products("plain", kPlain);
  c.add_products("computed", kComputed);
  c.add_few_rows("plain", kPlain);
  c.add_few_rows("computed", kComputed);
  c.add("column", closed(filled(kColumn, {{"LEFT", "row_major"}}), {.m = 50, .k = 144}), {});
  c.add("column, open", open(filled(kColumn, {{"LEFT", "[1, 0]"}})), {{"m", 50}, {"k", 144}});
  const std::string channels_last = "[0, 2, 3, 1]";
  c.add_conv("3 x 3", 16, 3, 1, channels_last);
  c.add_conv("3 x 3, spread", 8, 3, 2, channels_last);
  c.add_conv("1 x 1", 32, 1, 1, channels_last);
  c.add_conv("of an image", 3, 5, 1, "row_major");
  c.add_conv("of an image, wide", 3, 7, 1, "row_major");
  c.add_conv("of an image, channels last", 3, 5, 1, channels_last);
  return c.take();
}

Vec<Choice> matrix_choices(const Kernel& k) {
  Vec<Choice> all;
  for (const int64_t columns : {1, 2}) {
    Choice warp{"contract.warp", {columns}};
    if (backend::cuda::fits_warp_product(k, warp)) all.push_back(std::move(warp));
  }
  for (const backend::cuda::MatrixTile& t : backend::cuda::matrix_tiles()) {
    all.push_back({"contract.mma", {t.rows, t.columns}});
  }
  return all;
}

}  // namespace rlx::test
