// Kernels that tests and benchmarks share, as text.
#pragma once
#include <initializer_list>
#include <string>
#include <utility>

namespace rlx::test {

// The text with words replaced, each wherever it stands.
inline std::string filled(std::string text,
                          std::initializer_list<std::pair<std::string, std::string>> words) {
  for (const auto& [what, with] : words) {
    for (size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + with.size())) {
      text.replace(at, what.size(), with);
    }
  }
  return text;
}

// [m, k] x [k, n], the right operand a constant.
inline std::string product_text(const std::string& m, const std::string& k, const std::string& n) {
  std::string text = R"(
kernel "product" {
  arg %0 : f32[M, K] row_major
  arg %1 : f32[K, N] row_major constant
  arg %2 : f32[M, N] row_major written
  grid i0 in M, i1 in N
  contract %2.0 for i2 in K @ ["/product"] {
    m [i0] n [i1] k [i2]
    acc0 : f32
    v0 = load %0[i0, i2]
    v1 = load %1[i2, i1]
    v2 = acc0
    a = v0
    b = v1
    %2[i0, i1] = v2
  }
})";
  return filled(std::move(text), {{"M", m}, {"K", k}, {"N", n}});
}

// Over rows of [n, m].
inline std::string softmax_text(const std::string& n, const std::string& m) {
  std::string text = R"(
kernel "softmax" {
  arg %0 : f32[N, M] row_major
  arg %1 : f32[N, M] row_major written
  local l0 : f32[]
  local l1 : f32[M]
  local l2 : f32[]
  grid i0 in N
  reduce %1.0 for i1 in M @ ["/softmax"] {
    acc0 : f32 = -inf
    v0 = acc0
    v1 = load %0[i0, i1]
    v2 = max(v0, v1)
    acc0 = v2
    l0[] = v0
  }
  map %1.1 for i2 in M @ ["/softmax"] {
    v0 = load %0[i0, i2]
    v1 = load l0[]
    v2 = sub(v0, v1)
    v3 = exp(v2)
    l1[i2] = v3
  }
  reduce %1.2 for i3 in M @ ["/softmax"] {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load l1[i3]
    v2 = add(v0, v1)
    v3 : f32 = const 1.0
    v4 = div(v3, v0)
    acc0 = v2
    l2[] = v4
  }
  map %1.3 for i4 in M @ ["/softmax"] {
    v0 = load l1[i4]
    v1 = load l2[]
    v2 = mul(v0, v1)
    %1[i0, i4] = v2
  }
})";
  return filled(text, {{"N", n}, {"M", m}});
}

inline std::string layer_norm_text(const std::string& n, const std::string& m) {
  std::string text = R"(
kernel "layer_norm" {
  arg %0 : f32[N, M] row_major
  arg %1 : f32[M] row_major
  arg %2 : f32[M] row_major
  arg %3 : f32[N, M] row_major written
  local l0 : f32[]
  local l1 : f32[]
  grid i0 in N
  reduce %3.0 for i1 in M @ ["/norm"] {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i1]
    v2 = add(v0, v1)
    v3 = index M
    v4 : f32 = cast(v3)
    v5 = div(v0, v4)
    acc0 = v2
    l0[] = v5
  }
  reduce %3.1 for i2 in M @ ["/norm"] {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i2]
    v2 = load l0[]
    v3 = sub(v1, v2)
    v4 = mul(v3, v3)
    v5 = add(v0, v4)
    v6 = index M
    v7 : f32 = cast(v6)
    v8 = div(v0, v7)
    v9 : f32 = const 0.00001
    v10 = add(v8, v9)
    v11 = sqrt(v10)
    v12 : f32 = const 1.0
    v13 = div(v12, v11)
    acc0 = v5
    l1[] = v13
  }
  map %3.2 for i3 in M @ ["/norm"] {
    v0 = load %0[i0, i3]
    v1 = load l0[]
    v2 = sub(v0, v1)
    v3 = load l1[]
    v4 = mul(v2, v3)
    v5 = load %1[i3]
    v6 = mul(v4, v5)
    v7 = load %2[i3]
    v8 = add(v6, v7)
    %3[i0, i3] = v8
  }
})";
  return filled(text, {{"N", n}, {"M", m}});
}

// Elements at indexes that are data, and must be inside.
inline const std::string kTake = R"(
kernel "take" {
  arg %0 : f32[10] row_major
  arg %1 : i64[t] row_major
  arg %2 : f32[t] row_major written
  grid i0 in t
  map %2.0 @ ["/take"] {
    v0 = load %1[i0]
    v1 = load %0[at v0 checked]
    %2[i0] = v1
  }
})";

// Sums over the outer axis.
inline const std::string kColumnSums = R"(
kernel "r" {
  arg %0 : f32[a, c] row_major
  arg %1 : f32[c] row_major written
  grid i0 in c
  reduce %1.0 for i1 in a {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i1, i0]
    v2 = add(v0, v1)
    acc0 = v2
    %1[i0] = v0
  }
})";

// More than a tensor has on all sides, by a bounds rule.
inline std::string bounds_text(const std::string& rule) {
  return filled(R"(
kernel "b" {
  arg %0 : f32[h, w] row_major
  arg %1 : f32[h + 5, w + 6] row_major written
  grid i0 in h + 5, i1 in w + 6
  map %1.0 {
    v0 = load %0[i0 - 2 RULE, i1 - 3 RULE]
    %1[i0, i1] = v0
  }
})",
                {{"RULE", rule}});
}

}  // namespace rlx::test
