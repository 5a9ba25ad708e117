// Row programs: several stages over a local row, compiled as one function.
#include <catch2/catch.hpp>

#include <sstream>

#include "test/backend/kernels.h"
#include "test/backend/program.h"

namespace rlx::test {

TEST_CASE("softmax rows of any length") {
  for (int64_t m : {1, 7, 16, 17, 100, 768}) {
    check_same(softmax_text("n", "m"), {{"n", 5}, {"m", m}});
  }
  for (std::string m : {"1", "7", "16", "17", "100"}) check_same(softmax_text("4", m));
}

TEST_CASE("layer norm rows of any length") {
  for (int64_t m : {1, 7, 16, 17, 100, 768}) {
    check_same(layer_norm_text("n", "m"), {{"n", 5}, {"m", m}});
  }
  for (std::string m : {"1", "16", "17", "100"}) check_same(layer_norm_text("3", m));
}

namespace {

// The innermost loops of a function, by the comments that mark them in assembly.
std::string inner_loops(const std::string& assembly) {
  std::istringstream lines(assembly);
  std::string label, loop, all;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".LBB")) label = line.substr(0, line.find(':'));
    if (line.find("This Inner Loop Header") != std::string::npos) loop = label;
    if (loop.empty()) continue;
    all.append(line).append("\n");
    if (line.starts_with("\tj") && line.ends_with(loop)) loop.clear();
  }
  return all;
}

}  // namespace

TEST_CASE("a row program is one vectorised function without calls, and no inner loop spills") {
  for (std::string_view name : {"cpu:x86-64-v3", "cpu:x86-64-v4"}) {
    Target target = *parse_target(name);
    for (const std::string& text : {softmax_text("n", "768"), layer_norm_text("n", "768")}) {
      Kernel k = parse_kernel(text);
      std::string assembly =
          *backend::cpu::compile_to_text({{k, {}}}, {"n"}, target, CodeText::kAsm);
      std::string loops = inner_loops(assembly);
      INFO(assembly);
      CHECK(assembly.find("call") == std::string::npos);
      CHECK(loops.find("Spill") == std::string::npos);
      const char* vector = target.cpu().vector_bits == 512 ? "%zmm" : "%ymm";
      CHECK(loops.find(vector) != std::string::npos);
    }
  }
}

TEST_CASE("softmax over an outer axis runs over lanes of the inner one") {
  std::string text = R"(
kernel "s" {
  arg %0 : f32[n, c, w] row_major
  arg %1 : f32[n, c, w] row_major written
  local l0 : f32[]
  local l1 : f32[c]
  local l2 : f32[]
  grid i0 in n, i1 in w
  reduce %1.0 for i2 in c {
    acc0 : f32 = -inf
    v0 = acc0
    v1 = load %0[i0, i2, i1]
    v2 = max(v0, v1)
    acc0 = v2
    l0[] = v0
  }
  map %1.1 for i3 in c {
    v0 = load %0[i0, i3, i1]
    v1 = load l0[]
    v2 = sub(v0, v1)
    v3 = exp(v2)
    l1[i3] = v3
  }
  reduce %1.2 for i4 in c {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load l1[i4]
    v2 = add(v0, v1)
    acc0 = v2
    l2[] = v0
  }
  map %1.3 for i5 in c {
    v0 = load l1[i5]
    v1 = load l2[]
    v2 = div(v0, v1)
    %1[i0, i5, i1] = v2
  }
})";
  for (int64_t c : {1, 10, 16, 21}) {
    for (int64_t w : {1, 16, 35}) check_same(text, {{"n", 2}, {"c", c}, {"w", w}});
  }
}

TEST_CASE("stages share a loop only where each iteration stands alone") {
  // The second stage reads the row one element ahead, the third one backwards.
  std::string text = R"(
kernel "g" {
  arg %0 : f32[n, 40] row_major
  arg %1 : f32[n, 40] row_major written
  arg %2 : f32[n, 40] row_major written
  local l0 : f32[40]
  local l1 : f32[40]
  local l2 : f32[]
  grid i0 in n
  map %1.0 for i1 in 40 {
    v0 = load %0[i0, i1]
    v1 = add(v0, v0)
    l0[i1] = v1
  }
  map %1.1 for i2 in 40 {
    v0 = load l0[i2 + 1 fill 3.0]
    v1 = load l0[i2]
    v2 = mul(v0, v1)
    l1[i2] = v2
  }
  reduce %1.2 for i3 in 40 {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load l1[i3]
    v2 = load l0[39 - i3]
    v3 = fma(v1, v2, v0)
    acc0 = v3
    l2[] = v0
  }
  map %1.3 for i4 in 40 {
    v0 = load l1[i4]
    v1 = load l2[]
    v2 = sub(v0, v1)
    %1[i0, i4] = v2
  }
  map %1.4 for i5 in 40 {
    v0 = load l1[i5]
    v1 = load l0[i5]
    v2 = sub(v0, v1)
    %2[i0, i5] = v2
  }
})";
  check_same(text, {{"n", 3}});
}

TEST_CASE("rows of two axes, and results kept over an outer loop") {
  std::string text = R"(
kernel "g" {
  arg %0 : f32[n, a, b] row_major
  arg %1 : f32[n, a, b] row_major written
  local l0 : f32[a, b]
  local l1 : f32[a]
  grid i0 in n
  map %1.0 for i1 in a, i2 in b {
    v0 = load %0[i0, i1, i2]
    v1 = exp(v0)
    l0[i1, i2] = v1
  }
  reduce %1.1 for i3 in a, i4 in b {
    over [i4]
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load l0[i3, i4]
    v2 = add(v0, v1)
    acc0 = v2
    l1[i3] = v0
  }
  map %1.2 for i5 in a, i6 in b {
    v0 = load l0[i5, i6]
    v1 = load l1[i5]
    v2 = div(v0, v1)
    %1[i0, i5, i6] = v2
  }
})";
  for (int64_t b : {1, 7, 16, 33}) check_same(text, {{"n", 3}, {"a", 5}, {"b", b}});
}

TEST_CASE("16-bit floats are rounded where they are stored") {
  for (std::string type : {"f16", "bf16"}) {
    std::string text = filled(R"(
kernel "h" {
  arg %0 : TYPE[n, 37] row_major
  arg %1 : TYPE[n, 37] row_major written
  local l0 : TYPE[37]
  grid i0 in n
  map %1.0 for i1 in 37 {
    v0 = load %0[i0, i1]
    v1 : f32 = cast(v0)
    v2 = exp(v1)
    v3 : TYPE = cast(v2)
    l0[i1] = v3
  }
  map %1.1 for i2 in 37 {
    v0 = load l0[i2]
    v1 : f32 = cast(v0)
    v2 = load l0[36 - i2]
    v3 : f32 = cast(v2)
    v4 = mul(v1, v3)
    v5 : TYPE = cast(v4)
    %1[i0, i2] = v5
  }
})",
                              {{"TYPE", type}});
    check_same(text, {{"n", 3}});
  }
}

// Gates i, o, f and c of ONNX's LSTM, whose products stand inside of the loop over time.
const char* const kLstm = R"(
kernel "lstm" {
  arg %0 : f32[t, b, d] row_major
  arg %1 : f32[4 * h, d] row_major
  arg %2 : f32[4 * h, h] row_major
  arg %3 : f32[t, b, h] row_major written
  local l0 : f32[4 * h]
  local l1 : f32[4 * h]
  local l2 : f32[h] carry i1 = 0.0
  local l3 : f32[h] carry i1 = 0.0
  grid i0 in b, i1 in t sequential
  contract %3.0 for i2 in 4 * h, i3 in d {
    batch [] m [i0, i1] n [i2] k [i3]
    acc0 : f32
    v0 = load %0[i1, i0, i3]
    v1 = load %1[i2, i3]
    v2 = acc0
    a = v0
    b = v1
    l0[i2] = v2
  }
  contract %3.1 for i4 in 4 * h, i5 in h {
    batch [] m [i0, i1] n [i4] k [i5]
    acc0 : f32
    v0 = load l2[i5]
    v1 = load %2[i4, i5]
    v2 = acc0
    a = v0
    b = v1
    l1[i4] = v2
  }
  map %3.2 for i6 in h {
    v0 = load l0[i6]
    v1 = load l1[i6]
    v2 = add(v0, v1)
    v3 = sigmoid(v2)
    v4 = load l0[i6 + h]
    v5 = load l1[i6 + h]
    v6 = add(v4, v5)
    v7 = sigmoid(v6)
    v8 = load l0[i6 + 2 * h]
    v9 = load l1[i6 + 2 * h]
    v10 = add(v8, v9)
    v11 = sigmoid(v10)
    v12 = load l0[i6 + 3 * h]
    v13 = load l1[i6 + 3 * h]
    v14 = add(v12, v13)
    v15 = tanh(v14)
    v16 = load l3[i6]
    v17 = mul(v11, v16)
    v18 = mul(v3, v15)
    v19 = add(v17, v18)
    v20 = tanh(v19)
    v21 = mul(v7, v20)
    l3[i6] = v19
    l2[i6] = v21
    %3[i1, i0, i6] = v21
  }
})";

TEST_CASE("an LSTM is products inside of its loop over time") {
  for (int64_t h : {1, 5, 16}) check_same(kLstm, {{"t", 4}, {"b", 3}, {"d", 7}, {"h", h}});
}

TEST_CASE("a recurrence carries its locals from step to step") {
  std::string text = R"(
kernel "rnn" {
  arg %0 : f32[b, t, h] row_major
  arg %1 : f32[b, t, h] row_major written
  local l0 : f32[h] carry i1 = 0.5
  grid i0 in b, i1 in t sequential
  map %1.0 for i2 in h {
    v0 = load %0[i0, i1, i2]
    v1 = load l0[i2]
    v2 = add(v0, v1)
    v3 = tanh(v2)
    l0[i2] = v3
  }
  map %1.1 for i3 in h {
    v0 = load l0[i3]
    %1[i0, i1, i3] = v0
  }
})";
  for (int64_t h : {1, 16, 21}) check_same(text, {{"b", 3}, {"t", 4}, {"h", h}});
}

// The kernel with its operands as the row needs them.
Kernel placed_for(Kernel k, const Alternative& row) {
  for (size_t i = 0; i < k.args.size(); ++i) {
    k.args[i].storage = row.needs[i].wanted(static_cast<int>(k.args[i].shape.size()));
  }
  return k;
}

TEST_CASE("a right operand that only counts with a loop is made anew along it") {
  // What heads share, times a number of the head: no load tells of the loop.
  const Kernel k = parse_kernel(R"(
kernel "counted" {
  arg %0 : f32[b, s, 20] row_major
  arg %1 : f32[n, 20] row_major
  arg %2 : f32[b, s, n] row_major written
  grid i0 in b, i1 in s
  contract %2.0 for i2 in n, i3 in 20 {
    batch [i0] m [i1] n [i2] k [i3]
    acc0 : f32
    v0 = load %0[i0, i1, i3]
    v1 = load %1[i2, i3]
    v2 = index i0
    v3 : f32 = cast(v2)
    v4 = mul(v1, v3)
    v5 = acc0
    a = v0
    b = v4
    %2[i0, i1, i2] = v5
  }
})");
  for (const Machine& m : machines()) {
    const Vec<Alternative> rows = *backend::cpu::menu(k, m.target);
    size_t ways = 0;
    for (const Alternative& row : rows) {
      if (row.choice.algorithm != "rows") continue;
      const Kernel placed = placed_for(k, row);
      const Symbols symbols = {{"b", 3}, {"s", 5}, {"n", 21}};
      check_same_on(m, placed, symbols, random_values(1), row.choice);
      ++ways;
    }
    // Turned or not, in blocks of 1, 2 and 4 tiles.
    CHECK(ways == 6);
  }
}

TEST_CASE("a block has several tiles of rows, the last of which may have none") {
  // The left operand is computed, and staged; a second product takes the row.
  const Kernel k = parse_kernel(R"(
kernel "blocks" {
  arg %0 : f32[b, s, 20] row_major
  arg %1 : f32[b, n, 20] row_major
  arg %2 : f32[b, n, 9] row_major
  arg %3 : f32[b, s, 9] row_major written
  local l0 : f32[n]
  grid i0 in b, i1 in s
  contract %3.0 for i2 in n, i3 in 20 {
    batch [i0] m [i1] n [i2] k [i3]
    acc0 : f32
    v0 = load %0[i0, i1, i3]
    v1 = load %1[i0, i2, i3]
    v2 : f32 = const 0.25
    v3 = mul(v0, v2)
    v4 = acc0
    a = v3
    b = v1
    l0[i2] = v4
  }
  contract %3.1 for i4 in 9, i5 in n {
    batch [i0] m [i1] n [i4] k [i5]
    acc0 : f32
    v0 = load l0[i5]
    v1 = load %2[i0, i5, i4]
    v2 = acc0
    a = v0
    b = v1
    %3[i0, i1, i4] = v2
  }
})");
  for (const Machine& m : machines()) {
    const Vec<Alternative> rows = *backend::cpu::menu(k, m.target);
    for (const Alternative& row : rows) {
      if (row.choice.algorithm != "rows") continue;
      const Kernel placed = placed_for(k, row);
      for (int64_t s : {1, 5, 12, 25, 61}) {
        const Symbols symbols = {{"b", 2}, {"s", s}, {"n", 35}};
        check_same_on(m, placed, symbols, random_values(1), row.choice);
      }
    }
  }
}

}  // namespace rlx::test
