#include "kernel/address.h"

#include <catch2/catch.hpp>
#include <random>

namespace rlx {
namespace {

Dim operator""_d(const char* text, size_t size) {
  auto d = parse_dim(std::string_view(text, size));
  INFO(std::string(text, size));
  if (!d) FAIL(to_text(d.error()));
  return *d;
}

Arg tensor(Vec<Dim> shape, std::string_view storage) {
  auto s = parse_storage(storage, static_cast<int>(shape.size()), DType::kF32);
  INFO(storage);
  if (!s) FAIL(to_text(s.error()));
  return {.name = "%x", .shape = std::move(shape), .storage = *s};
}

Access at(const Vec<Dim>& index, Bounds bounds = {}) {
  Access a;
  for (const Dim& d : index) {
    a.index.push_back({.dim = d});
    a.bounds.push_back(bounds);
  }
  return a;
}

Bounds fill(double value) {
  return {.rule = Bounds::Rule::kFill, .fill = Scalar::of(DType::kF32, value)};
}

// Loops i0, i1, ... run over these extents; symbols are at least 1.
RangeOf ranges(const Vec<Dim>& extents) {
  return [extents](const Atom& a) -> DimRange {
    if (a.kind == Atom::Kind::kSymbol) return {.lo = 1};
    return {.lo = 0, .hi = extents.at(a.loop.index) - 1};
  };
}

constexpr LoopId kV{0};

std::string stride(const Dim& address, int64_t lanes = 16) {
  auto s = lane_stride(address, kV, lanes);
  return s ? to_text(*s) : "none";
}

int64_t value(const Dim& d, int64_t v, const Vec<int64_t>& others) {
  Dim bound = substitute(d, [&](const Atom& a) -> std::optional<Dim> {
    if (a.kind == Atom::Kind::kSymbol) return Dim(5);
    if (a.kind != Atom::Kind::kLoop) return std::nullopt;
    return a.loop == kV ? Dim(v) : Dim(others.at(a.loop.index));
  });
  return bound.constant().value();
}

// What lane_stride says holds for some groups of lanes.
void check_lanes(const Dim& d, int64_t lanes) {
  auto s = lane_stride(d, kV, lanes);
  if (!s) return;
  for (int64_t group = 0; group < 7; ++group) {
    Vec<int64_t> others{0, group * 3 % 5, group, 2};
    int64_t v0 = group * lanes;
    for (int64_t l = 0; l < lanes; ++l) {
      INFO(to_text(d) << " by " << to_text(*s) << " at " << v0 << " + " << l);
      REQUIRE(value(d, v0 + l, others) == value(d, v0, others) + l * value(*s, v0 + l, others));
    }
  }
}

}  // namespace

TEST_CASE("addresses of row-major tensors") {
  Arg x = tensor({"n"_d, 8, 64}, "row_major");
  CHECK(address_of(at({"i0"_d, "i1"_d, "i2"_d}), x, ranges({"n"_d, 8, 64})) ==
        "i0 * 512 + i1 * 64 + i2"_d);
}

TEST_CASE("a reshape of a row-major tensor costs nothing") {
  // y[i0, i1] = x[(i0 * 64 + i1) floordiv 512, ..., (i0 * 64 + i1) mod 64]
  Arg x = tensor({"n"_d, 8, 64}, "row_major");
  Dim flat = "i0 * 64 + i1"_d;
  Access a = at({floor_div(flat, 512), mod(floor_div(flat, 64), 8), mod(flat, 64)});
  CHECK(address_of(a, x, ranges({"n"_d * 8, 64})) == flat);
}

TEST_CASE("addresses in channels last with halo") {
  Arg x = tensor({2, 5, 8, 9}, "[0, 2, 3, 1] pad {1: to 16, 2: lo 1 hi 1, 3: lo 1 hi 1} fill 0.0");
  Access a = at({"i0"_d, "i1"_d, "i2 + i4 - 1"_d, "i3 + i5 - 1"_d});
  CHECK(address_of(a, x, ranges({2, 5, 8, 9, 3, 3})) ==
        "i0 * 1760 + (i2 + i4) * 176 + (i3 + i5) * 16 + i1"_d);
}

TEST_CASE("addresses in panels") {
  Arg b = tensor({"k"_d, 40}, "[1/16, 0, 1%16] pad {1: to 16}");
  Dim address = address_of(at({"i1"_d, "i0"_d}), b, ranges({40, "k"_d}));
  CHECK(address == "(i0 floordiv 16) * k * 16 + i1 * 16 + i0 mod 16"_d);
  CHECK(stride(address, 16) == "1");
  CHECK(stride(address, 8) == "1");
  CHECK(stride(address, 32) == "none");
  // Tile loops make the panel and the lane plain.
  CHECK(address_of(at({"i1"_d, "i0 * 16 + i2"_d}), b, ranges({3, "k"_d, 16})) ==
        "i0 * k * 16 + i1 * 16 + i2"_d);
}

TEST_CASE("a box lies where its frame says") {
  Arg part = tensor({2, 8, 9, "w"_d}, "[0, 2, 3, 1] pad {2: lo 1}");
  part.frame = ArgFrame{0,
                        {2, "c"_d, 9, "w"_d},
                        *parse_storage("[0, 2, 3, 1] pad {2: lo 1}", 4, DType::kF32),
                        {0, 3, 0, 0}};
  CHECK(address_of(at({"i0"_d, "i1"_d, "i2"_d, "i3"_d}), part, ranges({2, 8, 9, "w"_d})) ==
        "((i0 * 10 + i2 + 1) * w + i3) * c + i1 + 3"_d);
  CHECK(axis_stride(part, 3) == "c"_d);
  CHECK(memory_elements(part) == "20 * w * c"_d);
}

TEST_CASE("locals lie row-major") {
  Local l{.shape = {4, "w"_d}};
  CHECK(address_of(at({"i0"_d, "i1"_d}), l, ranges({4, "w"_d})) == "i0 * w + i1"_d);
  CHECK(address_of(at({}), Local{}, ranges({})).is(0));
}

TEST_CASE("an axis indexed by data is left to the backend") {
  Arg table = tensor({100, 64}, "[0, 1] pad {0: lo 2}");
  Access a = at({0, "i0"_d});
  a.index[0].expr = ExprId(3);
  CHECK(address_of(a, table, ranges({64})) == "i0 + 128"_d);
  CHECK(axis_stride(table, 0) == Dim(64));
  CHECK(axis_stride(table, 1) == Dim(1));
}

TEST_CASE("strides of axes") {
  Arg x = tensor({2, "c"_d, 8, 9}, "[0, 2, 3, 1] pad {1: to 16}");
  CHECK(axis_stride(x, 1) == Dim(1));
  CHECK(axis_stride(x, 3) == ceil_div("c"_d, 16) * 16);
  Arg b = tensor({7, 40}, "[1/16, 0, 1%16] pad {1: to 16}");
  CHECK(axis_stride(b, 0) == Dim(16));
  CHECK_FALSE(axis_stride(b, 1).has_value());
}

TEST_CASE("lanes of affine addresses") {
  CHECK(stride("i1 * 64 + 3"_d) == "0");
  CHECK(stride("i1 * 64 + i0"_d) == "1");
  CHECK(stride("i0 * 4 + i1"_d) == "4");
  CHECK(stride("i0 * w + i1"_d) == "w");
  CHECK(stride("i1 - i0 * 2"_d) == "-2");
  CHECK(stride("i0 * i0"_d) == "none");
  CHECK(stride("i0 * i1 * 3"_d) == "i1 * 3");
}

TEST_CASE("lanes within a block") {
  CHECK(stride("i0 floordiv 64"_d) == "0");
  CHECK(stride("i0 mod 64"_d) == "1");
  CHECK(stride("(i0 * 4) mod 64"_d) == "4");
  CHECK(stride("(i0 floordiv 16) * 100 + i0 mod 16"_d) == "1");
  CHECK(stride("i0 floordiv 8"_d) == "none");
  CHECK(stride("i0 mod 8"_d) == "none");
  CHECK(stride("i0 mod 24"_d) == "none");
  CHECK(stride("i0 mod 24"_d, 8) == "1");
  CHECK(stride("(i0 + 16 * i1) floordiv 32"_d) == "0");
  CHECK(stride("(i0 + i1) floordiv 32"_d) == "none");
}

TEST_CASE("lanes beside a shift") {
  CHECK(stride("(i0 + 3) floordiv 32"_d, 16) == "none");
  CHECK(stride("(i0 * 2 + 1) floordiv 32"_d, 16) == "0");
  CHECK(stride("(i0 * 2 + 2) floordiv 32"_d, 16) == "none");
  CHECK(stride("(i0 + 16) mod 32"_d, 16) == "1");
  // 15 - l for lane l stays within 16; 14 - l does not.
  CHECK(stride("(15 - i0) floordiv 16"_d, 16) == "0");
  CHECK(stride("(14 - i0) floordiv 16"_d, 16) == "none");
}

TEST_CASE("lanes of a symbolic block") {
  CHECK(stride("i0 floordiv (w * 16)"_d) == "0");
  CHECK(stride("i0 mod (w * 16)"_d) == "1");
  CHECK(stride("i0 floordiv w"_d) == "none");
  CHECK(stride("(i0 * w + i1) floordiv w"_d) == "1");
}

TEST_CASE("lanes of nested divisions") {
  CHECK(stride("(i0 mod 64) floordiv 16"_d) == "0");
  CHECK(stride("(i0 floordiv 16) mod 4"_d) == "0");
  CHECK(stride("(i0 floordiv 16) * i0"_d) == "i0 floordiv 16");
  CHECK(stride("min(i1, 4) + i0"_d) == "1");
  CHECK(stride("min(i0, 4)"_d) == "none");
  CHECK(stride("max(i0 floordiv 16, i1)"_d) == "0");
}

TEST_CASE("strides of lanes are right wherever they are given") {
  for (int64_t lanes : {1, 4, 8, 16}) {
    for (Dim d : {"i0 floordiv 64"_d, "i0 mod 64"_d, "(i0 * 4 + 3) mod 64"_d, "i0 mod 24"_d,
                  "(i0 * 2 + 1) floordiv 32"_d, "(15 - i0) floordiv 16"_d, "i0 mod (w * 16)"_d,
                  "(i0 floordiv 16) * i0 + i0 * i1"_d}) {
      check_lanes(d, lanes);
    }
  }
  std::mt19937 random(7);
  auto upto = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int i = 0; i < 2000; ++i) {
    Dim d = Dim::loop(kV) * (upto(5) - 2) + "i1"_d * (upto(3) * 8) + upto(40) - 8;
    if (upto(2)) d = mod(d, 1 + upto(64)) * (1 + upto(3)) + "i2"_d * upto(16);
    if (upto(2)) d = floor_div(d, 1 + upto(32)) + Dim::loop(kV) * upto(2);
    if (upto(3) == 0) d = mod(d, int64_t{1} << upto(7));
    check_lanes(d, int64_t{1} << upto(5));
  }
}

TEST_CASE("addresses agree with the storage at every index") {
  Vec<Dim> shape{3, 10, 6};
  for (auto text :
       {"row_major", "[0, 2, 1]", "[0, 2, 1] pad {1: to 16, 2: lo 1 hi 2}",
        "[1/4, 0, 2, 1%4] pad {0: hi 1, 1: lo 1 to 4}", "[2/2, 1/8, 0, 1%8, 2%2] pad {1: to 8}"}) {
    Arg x = tensor(shape, text);
    Dim address = address_of(at({"i1"_d, "i0"_d, "i2"_d}), x, ranges({10, 3, 6}));
    for (int64_t j = 0; j < 10; ++j) {
      for (int64_t i = 0; i < 3; ++i) {
        for (int64_t k = 0; k < 6; ++k) {
          INFO(text);
          REQUIRE(value(address, j, {0, i, k}) ==
                  storage_offset(x.storage, shape, {i, j, k}).constant());
        }
      }
    }
    check_lanes(address, 4);
    check_lanes(address, 8);
  }
}

TEST_CASE("a halo of the same fill makes an access proven") {
  Arg x = tensor({2, 5, 8, 9}, "[0, 2, 3, 1] pad {2: lo 1 hi 1, 3: lo 1 hi 1} fill 0.0");
  auto read = [](const Dim& row, double value) {
    Access a = at({"i0"_d, "i1"_d, row, "i3"_d});
    a.bounds[2] = fill(value);
    return a;
  };
  RangeOf range = ranges({2, 5, 8, 9, 3});
  CHECK(covered_by_halo(read("i2 + i4 - 1"_d, 0), x, range));
  CHECK_FALSE(covered_by_halo(read("i2 + i4 - 2"_d, 0), x, range));
  CHECK_FALSE(covered_by_halo(read("i2 + i4"_d, 0), x, range));
  CHECK_FALSE(covered_by_halo(read("i2 + i4 - 1"_d, 1), x, range));
  x.storage.fill = std::nullopt;
  CHECK_FALSE(covered_by_halo(read("i2 + i4 - 1"_d, 0), x, range));
  // Nothing is outside without a fill rule.
  CHECK(covered_by_halo(at({0, 0, 0, 0}), x, range));
}

TEST_CASE("padding at the end counts as halo") {
  Arg x = tensor({"n"_d, 5}, "[0, 1] pad {1: to 16} fill 0.0");
  Access a = at({"i0"_d, "i1"_d}, fill(0));
  CHECK(covered_by_halo(a, x, ranges({"n"_d, 16})));
  CHECK_FALSE(covered_by_halo(a, x, ranges({"n"_d, 17})));
  Arg symbolic = tensor({"n"_d, "c"_d}, "[0, 1] pad {0: lo 1 hi 1} fill 0.0");
  Access window = at({"i0 + i2 - 1"_d, "i1"_d});
  window.bounds[0] = fill(0);
  CHECK(covered_by_halo(window, symbolic, ranges({"n"_d, "c"_d, 3})));
}

}  // namespace rlx
