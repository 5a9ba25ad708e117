#include "driver/run_compare.h"

#include <cmath>

#include "test/driver/run_tensors.h"

namespace rlx::driver {
namespace {

const double kNan = NAN, kInf = INFINITY;

Comparison of(const Vec<double>& got, const Vec<double>& want, const Tolerance& t = {}) {
  return compare(floats("y", got), floats("y", want), t);
}

TEST_CASE("equal is right, and so is near") {
  CHECK(of({1, 2}, {1, 2}).problem == "");
  CHECK(of({1.00005}, {1}).problem == "");
  CHECK(of({}, {}).problem == "");
  Comparison near = of({1, 2.0001}, {1, 2});
  CHECK(near.problem == "");
  CHECK(near.max_abs == Approx(1e-4).epsilon(0.01));
  CHECK(near.max_rel == Approx(5e-5).epsilon(0.01));
  CHECK(near.passes_at == Approx(3.4e-5));
}

TEST_CASE("a difference names the first element and how many there are") {
  Comparison c = compare(tensor("y", DType::kF32, {2, 3}, {0, 1, 2, 3, 40, 50}),
                         tensor("y", DType::kF32, {2, 3}, {0, 1, 2, 3, 4, 5}), {});
  CHECK(c.problem == "differs in 2 of 6 elements, first at [1, 1]: 40, wanted 4");
  CHECK(c.bad == 2);
  CHECK(c.first_bad == Vec<int64_t>{1, 1});
  CHECK(c.max_abs == 45);
  CHECK(c.max_rel == 9);
  CHECK(c.passes_at == Approx(7.5));
}

TEST_CASE("what passes_at says does pass") {
  Vec<double> got = {1, -20, 300}, want = {1.5, -21, 310};
  double t = of(got, want).passes_at;
  CHECK(of(got, want, {.rtol = t, .atol = t}).problem == "");
  CHECK(of(got, want, {.rtol = 0.99 * t, .atol = 0.99 * t}).problem != "");
  double by_largest = of(got, want, {.by_largest = true}).passes_at;
  CHECK(by_largest < t);
  CHECK(of(got, want, {.rtol = by_largest, .atol = by_largest, .by_largest = true}).problem == "");
}

TEST_CASE("tolerances given replace those of the dtype") {
  CHECK(of({1.1}, {1}, {.atol = 0.2}).problem == "");
  CHECK(of({1.1}, {1}, {.rtol = 0.2}).problem == "");
  CHECK(of({1.00005}, {1}, {.rtol = 0, .atol = 0}).problem != "");
}

TEST_CASE("with the largest value as scale small ones may be off by more") {
  CHECK(of({0.001, 1000}, {0.05, 1000}).problem != "");
  CHECK(of({0.001, 1000}, {0.05, 1000}, {.by_largest = true}).problem == "");
  // An infinity is not the scale of anything.
  CHECK(of({5, kInf}, {1, kInf}, {.by_largest = true}).problem != "");
}

TEST_CASE("NaN is right only where it is wanted, infinity only where its sign is") {
  CHECK(of({kNan, kInf, -kInf}, {kNan, kInf, -kInf}).problem == "");
  for (auto [got, want] :
       {std::pair(kNan, 1.0), {1.0, kNan}, {kInf, -kInf}, {1e30, kInf}, {kInf, 1}}) {
    Comparison c = of({got}, {want}, {.rtol = 1e9, .atol = 1e9, .by_largest = true});
    CHECK(c.problem != "");
    CHECK(std::isinf(c.passes_at));
    CHECK(std::isinf(c.max_abs));
  }
}

TEST_CASE("integers and bools are exact, all 64 bits of them") {
  auto ints = [](DType t, double v) { return tensor("n", t, {1}, {v}); };
  CHECK(compare(ints(DType::kI32, 7), ints(DType::kI32, 7), {}).problem == "");
  CHECK(compare(ints(DType::kI32, 7), ints(DType::kI32, 8), {}).problem != "");
  CHECK(compare(ints(DType::kI32, 7), ints(DType::kI32, 8), {.atol = 1}).problem == "");
  CHECK(compare(ints(DType::kBool, 1), ints(DType::kBool, 0), {}).problem != "");
  HostTensor big = ints(DType::kI64, 0x1p62), bigger = big;
  bigger.data.data()[0] = std::byte{1};
  CHECK(compare(big, bigger, {}).problem ==
        "differs in 1 of 1 elements, first at [0]: 4611686018427387904, "
        "wanted 4611686018427387905");
}

TEST_CASE("each float has its own tolerance") {
  auto one = [](DType t, double v) { return tensor("y", t, {1}, {v}); };
  CHECK(compare(one(DType::kF16, 1.01), one(DType::kF16, 1), {}).problem == "");
  CHECK(compare(one(DType::kBF16, 1.03), one(DType::kBF16, 1), {}).problem == "");
  CHECK(compare(one(DType::kF64, 1 + 1e-8), one(DType::kF64, 1), {}).problem == "");
  CHECK(compare(one(DType::kF64, 1 + 1e-6), one(DType::kF64, 1), {}).problem != "");
}

TEST_CASE("another type or shape is wrong by itself") {
  Comparison c = compare(tensor("y", DType::kF32, {1, 2}, {1, 2}),
                         tensor("y", DType::kF64, {2}, {1, 2}), {.atol = 100});
  CHECK(c.problem == "is f32[1, 2], wanted f64[2]");
  CHECK(std::isinf(c.passes_at));
}

}  // namespace
}  // namespace rlx::driver
