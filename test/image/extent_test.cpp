#include <catch2/catch.hpp>

#include "test/image/sample.h"

namespace rlx::image {
namespace {

using Op = Extent::Op;

std::optional<int64_t> of(int64_t a, Op op, int64_t b) {
  return evaluate(binary(Extent::constant(a), op, Extent::constant(b)), {});
}

TEST_CASE("every operation") {
  CHECK(of(2, Op::kAdd, 3) == 5);
  CHECK(of(2, Op::kSub, 3) == -1);
  CHECK(of(2, Op::kMul, 3) == 6);
  CHECK(of(7, Op::kFloorDiv, 2) == 3);
  CHECK(of(-7, Op::kFloorDiv, 2) == -4);
  CHECK(of(-8, Op::kFloorDiv, 2) == -4);
  CHECK(of(7, Op::kMod, 3) == 1);
  CHECK(of(-7, Op::kMod, 3) == 2);
  CHECK(of(2, Op::kMin, 3) == 2);
  CHECK(of(2, Op::kMax, 3) == 3);
  CHECK(of(2, Op::kEq, 2) == 1);
  CHECK(of(2, Op::kLe, 1) == 0);
}

TEST_CASE("overflow and division by what is not positive have no value") {
  CHECK(!of(INT64_MAX, Op::kAdd, 1));
  CHECK(!of(INT64_MIN, Op::kSub, 1));
  CHECK(!of(INT64_MAX, Op::kMul, 2));
  CHECK(!of(1, Op::kFloorDiv, 0));
  CHECK(!of(INT64_MIN, Op::kFloorDiv, -1));
  CHECK(!of(1, Op::kMod, 0));
  CHECK(!of(INT64_MIN, Op::kMod, -1));
  CHECK(of(INT64_MIN, Op::kFloorDiv, 1) == INT64_MIN);
}

TEST_CASE("symbols stand for their values") {
  CHECK(evaluate(times(symbol(1), 3), {0, 5}) == 15);
  CHECK(!evaluate(symbol(2), {0, 5}));
  CHECK(!evaluate(symbol(-1), {0, 5}));
}

TEST_CASE("what leaves no single value is malformed") {
  Extent two = {{{Op::kConst, 1}, {Op::kConst, 2}}};
  for (const Extent& e : {Extent{}, two, Extent{{{Op::kAdd, 0}}}}) {
    CHECK(!well_formed(e, 1));
    CHECK(!evaluate(e, {1}));
  }
  CHECK(!well_formed(Extent{{{static_cast<Op>(11), 0}}}, 1));
  CHECK(!well_formed(symbol(1), 1));
  CHECK(well_formed(symbol(0), 1));
}

TEST_CASE("depth is bounded") {
  auto deep = [](size_t depth) {
    Extent e;
    for (size_t i = 0; i < depth; ++i) e.steps.push_back({Op::kConst, 1});
    for (size_t i = 1; i < depth; ++i) e.steps.push_back({Op::kAdd, 0});
    return e;
  };
  CHECK(well_formed(deep(kMaxExtentDepth), 0));
  CHECK(evaluate(deep(kMaxExtentDepth), {}) == kMaxExtentDepth);
  CHECK(!well_formed(deep(kMaxExtentDepth + 1), 0));
  CHECK(!evaluate(deep(kMaxExtentDepth + 1), {}));
}

TEST_CASE("text has the parentheses it needs") {
  Vec<Symbol> names = {{.name = "a"}, {.name = "b"}};
  Extent a = symbol(0), b = symbol(1);
  auto text = [&](const Extent& e) { return to_text(e, names); };
  CHECK(text(binary(binary(a, Op::kAdd, b), Op::kMul, b)) == "(a + b) * b");
  CHECK(text(binary(binary(a, Op::kMul, b), Op::kAdd, b)) == "a * b + b");
  CHECK(text(binary(a, Op::kSub, binary(a, Op::kSub, b))) == "a - (a - b)");
  CHECK(text(binary(a, Op::kMax, binary(a, Op::kMod, b))) == "max(a, a % b)");
  CHECK(text(binary(a, Op::kEq, binary(b, Op::kFloorDiv, a))) == "a == b // a");
  CHECK(text(binary(Extent::constant(1), Op::kMul, binary(a, Op::kAdd, b))) == "a + b");
  CHECK(text(Extent{}) == "?");
}

}  // namespace
}  // namespace rlx::image
