// Convolutions in squares: what they are offered for, and how far they may be from the sums that they stand for,
// in f64.
#include <catch2/catch.hpp>

#include <cstring>
#include <random>

#include "backend/cpu/algorithm.h"
#include "kernel/codes.h"
#include "kernel/winograd.h"
#include "test/backend/kernels.h"
#include "test/backend/program.h"

namespace rlx::test {
namespace {

const char* const kConv = R"(
kernel "conv" {
  arg %0 : f32[2, IN, H, W] row_major
  arg %1 : f32[OUT, IN, 3, 3] row_major constant
  arg %2 : f32[2, OUT, H, W] row_major written
  grid i0 in 2, i1 in OUT, i2 in H, i3 in W
  conv %2.0 for i4 in IN, i5 in 3, i6 in 3 relaxed @ ["/conv"] {
    batch i0 out i1 in i4 pixel [i2, i3] window [i5, i6]
    acc0 : f32
    v0 = load %0[i0, i4, i2 + i5 - 1 fill 0.0, i3 + i6 - 1 fill 0.0]
    v1 = load %1[i1, i4, i5, i6]
    v2 = acc0
    x = v0
    w = v1
    %2[i0, i1, i2, i3] = v2
  }
})";

struct Sizes {
  int64_t in, out, height, width;
};

std::string text_of(const Sizes& s) {
  return filled(kConv, {{"IN", std::to_string(s.in)},
                        {"OUT", std::to_string(s.out)},
                        {"H", std::to_string(s.height)},
                        {"W", std::to_string(s.width)}});
}

Vec<Alternative> squares_of(const Kernel& k, const Target& target) {
  Vec<Alternative> rows = *backend::cpu::menu(k, target);
  std::erase_if(rows, [](const Alternative& r) { return r.choice.algorithm != "conv.winograd"; });
  return rows;
}

bool is_offered(const std::string& text) {
  return !squares_of(parse_kernel(text), *parse_target("cpu:x86-64-v3")).empty();
}

bool is_offered_with(std::initializer_list<std::pair<std::string, std::string>> words) {
  return is_offered(filled(text_of({16, 16, 8, 8}), words));
}

// ---- The bound --------------------------------------------------------------------------------

using Numbers = Vec<double>;

// As they lie in f32.
Numbers random_numbers(int64_t n, std::mt19937& random) {
  Numbers out;
  for (; n > 0; --n) {
    out.push_back(static_cast<double>(std::uniform_real_distribution<float>(-1, 1)(random)));
  }
  return out;
}

double at(const Numbers& x, const Sizes& s, int64_t image, int64_t y, int64_t column) {
  const bool inside = y >= 0 && y < s.height && column >= 0 && column < s.width;
  return inside ? x[static_cast<size_t>((image * s.height + y) * s.width + column)] : 0;
}

// t x t', of absolute values where `absolute`.
Numbers on_both_sides(const Winograd::Matrix& t, const Numbers& x, bool absolute) {
  const size_t rows = t.size(), side = t[0].size();
  Numbers out(rows * rows);
  for (size_t i = 0; i < rows * rows; ++i) {
    for (size_t j = 0; j < side * side; ++j) {
      const double f = t[i / rows][j / side] * t[i % rows][j % side];
      out[i] += absolute ? std::abs(f) * std::abs(x[j]) : f * x[j];
    }
  }
  return out;
}

// What docs/numerics.md says, without u: (channels + 24) |A'| [sum (|G| |w| |G'|) o (|B'| |x| |B|)] |A|, of the square
// at (y, column) for one image and one output.
Numbers bound_of(const Winograd& m, const Sizes& s, const Numbers& x, const Numbers& w,
                 std::array<int64_t, 4> place) {
  const auto [image, out, y, column] = place;
  Numbers sum(static_cast<size_t>(m.points * m.points));
  for (int64_t c = 0; c < s.in; ++c) {
    Numbers square, window;
    for (int64_t i = 0; i < m.points * m.points; ++i) {
      square.push_back(at(x, s, image * s.in + c, y + i / m.points - 1, column + i % m.points - 1));
    }
    const auto begin = w.begin() + (out * s.in + c) * 9;
    window.assign(begin, begin + 9);
    square = on_both_sides(m.image, square, true);
    window = on_both_sides(m.weights, window, true);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += square[i] * window[i];
  }
  Numbers bound = on_both_sides(m.result, sum, true);
  for (double& b : bound) b *= static_cast<double>(s.in + 24) * 0x1p-24;
  return bound;
}

double exact(const Sizes& s, const Numbers& x, const Numbers& w, std::array<int64_t, 4> place) {
  const auto [image, out, y, column] = place;
  double sum = 0;
  for (int64_t i = 0; i < s.in * 9; ++i) {
    const int64_t c = i / 9;
    sum += at(x, s, image * s.in + c, y + i % 9 / 3 - 1, column + i % 3 - 1) *
           w[static_cast<size_t>(out * s.in * 9 + i)];
  }
  return sum;
}

Memory packed(const Arg& a, const Numbers& x) {
  Memory m(static_cast<size_t>(buffer_bytes(a, {})));
  Vec<float> dense(x.begin(), x.end());
  Vec<int64_t> shape;
  for (const Dim& d : a.shape) shape.push_back(*d.constant());
  REQUIRE(pack(std::as_bytes(std::span(dense)), m.span(), a.dtype, shape, a.storage));
  return m;
}

// The greatest part of the bound that an element takes.
double check_bound(const Machine& m, const Alternative& row, const Sizes& s) {
  Kernel k = parse_kernel(text_of(s));
  for (size_t a = 0; a < 2; ++a) k.args[a].storage = row.needs[a].wanted(4);
  std::mt19937 random(1);
  const Numbers x = random_numbers(2 * s.in * s.height * s.width, random),
                w = random_numbers(s.out * s.in * 9, random);
  Vec<Memory> buffers;
  buffers.push_back(packed(k.args[0], x));
  buffers.push_back(packed(k.args[1], w));
  buffers.push_back(
      packed(k.args[2], Numbers(static_cast<size_t>(2 * s.out * s.height * s.width))));
  Program p(k, m.target, row.choice);
  p.run(buffers, {}, 0, p.tiles({}));
  const Winograd& matrices = *winograd_of(k.args[1].storage.form);
  double most = 0;
  for (int64_t i = 0; i < 2 * s.out; ++i) {
    for (int64_t j = 0; j < s.height * s.width; ++j) {
      const int64_t y = j / s.width, column = j % s.width, side = matrices.results;
      const Numbers bound = bound_of(matrices, s, x, w,
                                     {i / s.out, i % s.out, y / side * side, column / side * side});
      float got = 0;
      std::memcpy(&got, buffers[2].data() + (i * s.height * s.width + j) * 4, 4);
      const double error =
          std::abs(static_cast<double>(got) - exact(s, x, w, {i / s.out, i % s.out, y, column}));
      const double allowed = bound[static_cast<size_t>(y % side * side + column % side)];
      CHECK(error <= allowed);
      if (allowed > 0) most = std::max(most, error / allowed);
    }
  }
  return most;
}

}  // namespace

TEST_CASE("squares are for relaxed convolutions by constant 3 x 3 weights, step by step") {
  CHECK(is_offered_with({}));
  CHECK(is_offered_with({{"i2 + i5 - 1 fill", "i2 + i5 fill"}}));
  CHECK_FALSE(is_offered_with({{" relaxed", ""}}));
  CHECK_FALSE(is_offered_with({{"constant", ""}}));
  CHECK_FALSE(is_offered_with({{"fill 0.0", "fill 1.0"}}));
  CHECK_FALSE(is_offered_with({{"i5 in 3", "i5 in 2"}, {"16, 3, 3]", "16, 2, 3]"}}));
  CHECK_FALSE(is_offered_with({{"f32", "f64"}}));
  CHECK_FALSE(is_offered_with({{"i3 + i6", "i3 + i6 * 2"}}));
  CHECK_FALSE(is_offered_with({{"i3 + i6", "i3 * 2 + i6"}}));
  CHECK_FALSE(is_offered_with({{"i3 + i6", "i3 floordiv 2 + i6"}}));
  // Weights in another order, and some of them only.
  CHECK_FALSE(is_offered_with({{"i5, i6]\n", "i6, i5]\n"}}));
  CHECK_FALSE(is_offered_with({{"i4 in 16", "i4 in 15"}}));
  // Whose transformed weights somebody else would have to read.
  CHECK_FALSE(is_offered_with({{"    %2[i0, i1, i2, i3] = v2\n  }", R"(    l0[] = v2
  }
  map %2.1 {
    v0 = load l0[]
    v1 = load %1[i1, i1, 0, 0]
    v2 = add(v0, v1)
    %2[i0, i1, i2, i3] = v2
  })"},
                               {"  grid", "  local l0 : f32[]\n  grid"}}));
}

TEST_CASE("a row that is not exact is refused for a product that is not relaxed") {
  const Target target = *parse_target("cpu:x86-64-v3");
  Kernel k = parse_kernel(text_of({16, 16, 8, 8}));
  const Vec<Alternative> rows = squares_of(k, target);
  REQUIRE(rows.size() == 2);
  for (const Alternative& row : rows) {
    CHECK_FALSE(row.exact);
    for (size_t a = 0; a < 2; ++a) k.args[a].storage = row.needs[a].wanted(4);
    k.stages[0].relaxed = true;
    CHECK(backend::cpu::compile({{k, row.choice}}, {}, target, 1).ok());
    // Which reads elements, wherever they are.
    CHECK_FALSE(backend::cpu::compile({{k, Choice()}}, {}, target, 1));
    k.stages[0].relaxed = false;
    auto code = backend::cpu::compile({{k, row.choice}}, {}, target, 1);
    REQUIRE_FALSE(code);
    CHECK(code.error().first().code == kUnmetNeed);
  }
  // Nor do other numbers fit the form of the weights.
  k.stages[0].relaxed = true;
  Choice choice = rows[1].choice;
  choice.tile[0] = 2;
  CHECK_FALSE(backend::cpu::compile({{k, choice}}, {}, target, 1));
}

TEST_CASE("squares are as near to the sums as docs/numerics.md says") {
  for (const Machine& m : machines()) {
    for (const Sizes& s :
         {Sizes{1, 1, 1, 1}, {3, 5, 7, 6}, {16, 17, 9, 13}, {40, 48, 8, 4}, {256, 16, 5, 8}}) {
      for (const Alternative& row : squares_of(parse_kernel(text_of(s)), m.target)) {
        INFO(m.target.text << ", " << s.in << " channels, " << row.choice.tile[0]);
        const double most = check_bound(m, row, s);
        CHECK(most < 1);
        std::printf("%s: squares of %d, %d channels: %.3f of the bound\n", m.target.text.c_str(),
                    static_cast<int>(row.choice.tile[0]), static_cast<int>(s.in), most);
      }
    }
  }
}

}  // namespace rlx::test
