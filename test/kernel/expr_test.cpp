#include "kernel/expr.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "kernel/eval.h"
#include "kernel/functions.h"

namespace rlx {
namespace {

constexpr DType kF32 = DType::kF32, kI32 = DType::kI32, kI64 = DType::kI64, kBool = DType::kBool;

// A body and a load to start from: read i of that type.
struct Maker {
  Body body;

  ExprId load(DType type, uint32_t i = 0) {
    return add(body, {.fn = Fn::kLoad, .type = type, .index = i});
  }
  ExprId number(DType type, double value) { return add_const(body, Scalar::of(type, value)); }
  ExprId apply(Fn fn, Vec<ExprId> args) {
    Vec<DType> types;
    for (ExprId a : args) types.push_back(body[a.index].type);
    return add(body, {.fn = fn, .type = result_type(fn, types).value(), .args = args});
  }
  ExprId cast(ExprId a, DType to) { return add(body, {.fn = Fn::kCast, .type = to, .args = {a}}); }
  const Expr& at(ExprId id) const { return body[id.index]; }
};

// fn of constants, folded: what the interpreter computes.
Scalar folded(Fn fn, Vec<Scalar> args) {
  Maker m;
  Vec<ExprId> ids;
  for (const Scalar& s : args) ids.push_back(add_const(m.body, s));
  const Expr& e = m.at(m.apply(fn, ids));
  REQUIRE(e.fn == Fn::kConst);
  return e.scalar;
}

double f32(Fn fn, Vec<double> args) {
  Vec<Scalar> scalars;
  for (double a : args) scalars.push_back(Scalar::of(kF32, a));
  return folded(fn, scalars).as_double();
}

int64_t integer(Fn fn, DType type, Vec<int64_t> args) {
  Vec<Scalar> scalars;
  for (int64_t a : args) scalars.push_back(Scalar::of_int(type, a));
  return folded(fn, scalars).i;
}

Scalar cast_to(DType to, Scalar s) {
  Maker m;
  return m.at(m.cast(add_const(m.body, s), to)).scalar;
}

}  // namespace

TEST_CASE("functions have names") {
  for (int i = 0; i < kFnCount; ++i) {
    Fn fn = static_cast<Fn>(i);
    CHECK(fn_named(name(fn)) == fn);
  }
  CHECK_FALSE(fn_named("sum").has_value());
  CHECK(arity(Fn::kLoad) == 0);
  CHECK(arity(Fn::kFma) == 3);
}

TEST_CASE("types of results") {
  CHECK(result_type(Fn::kAdd, {kF32, kF32}) == kF32);
  CHECK(result_type(Fn::kLt, {kI32, kI32}) == kBool);
  CHECK(result_type(Fn::kSelect, {kBool, kI64, kI64}) == kI64);
  CHECK(result_type(Fn::kNot, {kBool}) == kBool);
  CHECK_FALSE(result_type(Fn::kAdd, {kF32, kI32}).has_value());
  CHECK_FALSE(result_type(Fn::kAdd, {kBool, kBool}).has_value());
  CHECK_FALSE(result_type(Fn::kAdd, {DType::kF16, DType::kF16}).has_value());
  CHECK_FALSE(result_type(Fn::kSqrt, {kI32}).has_value());
  CHECK_FALSE(result_type(Fn::kSelect, {kI32, kI64, kI64}).has_value());
  CHECK_FALSE(result_type(Fn::kCast, {kI32}).has_value());
}

TEST_CASE("float functions") {
  CHECK(f32(Fn::kMax, {1, NAN}) != f32(Fn::kMax, {1, NAN}));
  CHECK(std::isnan(f32(Fn::kMax, {NAN, 1})));
  CHECK(std::isnan(f32(Fn::kMin, {1, NAN})));
  // A tie keeps the first.
  CHECK(std::signbit(f32(Fn::kMax, {-0.0, 0.0})));
  CHECK_FALSE(std::signbit(f32(Fn::kMin, {0.0, -0.0})));
  CHECK(f32(Fn::kRoundEven, {2.5}) == 2);
  CHECK(f32(Fn::kRoundEven, {-3.5}) == -4);
  CHECK(f32(Fn::kTrunc, {-2.7}) == -2);
  CHECK(f32(Fn::kFloor, {-2.2}) == -3);
  CHECK(f32(Fn::kRem, {-7, 3}) == -1);
  CHECK(f32(Fn::kFma, {1 + 0x1p-12, 1 + 0x1p-12, -1}) == 0x1p-11 + 0x1p-24);
  CHECK(f32(Fn::kDiv, {1, 0}) == INFINITY);
  CHECK(folded(Fn::kIsInf, {Scalar::of(kF32, -INFINITY)}).i == 1);
  CHECK(folded(Fn::kNe, {Scalar::of(kF32, NAN), Scalar::of(kF32, NAN)}).i == 1);
  CHECK(folded(Fn::kLe, {Scalar::of(kF32, NAN), Scalar::of(kF32, NAN)}).i == 0);
}

TEST_CASE("integer functions wrap and never trap") {
  CHECK(integer(Fn::kAdd, DType::kI8, {127, 1}) == -128);
  CHECK(integer(Fn::kMul, DType::kU16, {65535, 65535}) == 1);
  CHECK(integer(Fn::kMul, kI64, {INT64_MAX, 2}) == -2);
  CHECK(integer(Fn::kDiv, kI32, {-7, 2}) == -3);
  CHECK(integer(Fn::kRem, kI32, {-7, 2}) == -1);
  CHECK(integer(Fn::kDiv, kI32, {5, 0}) == 5);
  CHECK(integer(Fn::kRem, kI32, {5, 0}) == 0);
  CHECK(integer(Fn::kDiv, kI32, {INT32_MIN, -1}) == INT32_MIN);
  CHECK(integer(Fn::kRem, kI64, {INT64_MIN, -1}) == 0);
  CHECK(integer(Fn::kDiv, DType::kU32, {0xFFFFFFFF, 2}) == 0x7FFFFFFF);
  CHECK(integer(Fn::kNeg, DType::kI8, {-128}) == -128);
  CHECK(integer(Fn::kAbs, kI32, {INT32_MIN}) == INT32_MIN);
  CHECK(integer(Fn::kShr, kI32, {-8, 1}) == -4);
  CHECK(integer(Fn::kShr, DType::kU8, {0x80, 1}) == 0x40);
  CHECK(integer(Fn::kShl, kI32, {1, 33}) == 2);
  CHECK(integer(Fn::kShl, DType::kU8, {0xFF, 4}) == 0xF0);
  CHECK(integer(Fn::kNot, DType::kU8, {1}) == 0xFE);
  CHECK(integer(Fn::kNot, kBool, {1}) == 0);
  CHECK(integer(Fn::kXor, kBool, {1, 1}) == 0);
  CHECK(folded(Fn::kLt, {Scalar::of_int(DType::kU64, -1), Scalar::of_int(DType::kU64, 1)}).i == 0);
}

TEST_CASE("casts") {
  CHECK(cast_to(kI32, Scalar::of(kF32, -2.9)).i == -2);
  CHECK(cast_to(kI32, Scalar::of(kF32, 3e9)).i == INT32_MAX);
  CHECK(cast_to(kI32, Scalar::of(kF32, -INFINITY)).i == INT32_MIN);
  CHECK(cast_to(DType::kU8, Scalar::of(kF32, NAN)).i == 0);
  CHECK(cast_to(DType::kU64, Scalar::of(kF32, 1e30)).i == -1);
  CHECK(cast_to(DType::kI8, Scalar::of_int(kI32, 257)).i == 1);
  CHECK(cast_to(kBool, Scalar::of(kF32, 0.25)).i == 1);
  CHECK(cast_to(kF32, Scalar::of_int(DType::kU64, -1)).f == 0x1p64);
  CHECK(cast_to(DType::kF16, Scalar::of(DType::kF64, 1 + 0x1p-11 + 0x1p-40)).f == 1);
}

TEST_CASE("equal nodes are one") {
  Maker m;
  ExprId x = m.load(kF32), y = m.load(kF32, 1);
  CHECK(m.apply(Fn::kAdd, {x, y}) == m.apply(Fn::kAdd, {x, y}));
  CHECK(m.number(kF32, 0.0) != m.number(kF32, -0.0));
  CHECK(m.body.size() == 5);
}

TEST_CASE("only exact rewrites are made") {
  Maker m;
  ExprId x = m.load(kF32);
  CHECK(m.apply(Fn::kMul, {x, m.number(kF32, 1)}) == x);
  CHECK(m.apply(Fn::kMul, {m.number(kF32, 1), x}) == x);
  CHECK(m.apply(Fn::kDiv, {x, m.number(kF32, 1)}) == x);
  CHECK(m.apply(Fn::kAdd, {x, m.number(kF32, -0.0)}) == x);
  CHECK(m.apply(Fn::kSub, {x, m.number(kF32, 0.0)}) == x);
  CHECK(m.apply(Fn::kNeg, {m.apply(Fn::kNeg, {x})}) == x);
  CHECK(m.apply(Fn::kMax, {x, x}) == x);
  // These change the sign of a zero, or NaN.
  CHECK(m.apply(Fn::kAdd, {x, m.number(kF32, 0.0)}) != x);
  CHECK(m.at(m.apply(Fn::kMul, {x, m.number(kF32, 0)})).fn == Fn::kMul);
  CHECK(m.at(m.apply(Fn::kSub, {x, x})).fn == Fn::kSub);
}

TEST_CASE("selects of what is known") {
  Maker m;
  ExprId c = m.load(kBool), x = m.load(kF32, 1), y = m.load(kF32, 2);
  CHECK(m.apply(Fn::kSelect, {m.number(kBool, 1), x, y}) == x);
  CHECK(m.apply(Fn::kSelect, {m.number(kBool, 0), x, y}) == y);
  CHECK(m.apply(Fn::kSelect, {c, x, x}) == x);
  CHECK(m.at(m.apply(Fn::kSelect, {c, x, y})).fn == Fn::kSelect);
}

TEST_CASE("casts that lose nothing disappear") {
  Maker m;
  auto through = [&](DType from, DType by, DType to) {
    ExprId x = m.load(from, static_cast<uint32_t>(m.body.size()));
    ExprId y = m.cast(m.cast(x, by), to);
    return y == x || m.at(y).args == Vec<ExprId>{x};
  };
  CHECK(through(DType::kF16, kF32, DType::kF16));
  CHECK(through(DType::kBF16, DType::kF64, kF32));
  CHECK(through(DType::kI8, kI64, DType::kU32));
  CHECK(through(kI32, DType::kF64, kI32));
  CHECK(through(DType::kI16, kF32, DType::kI16));
  CHECK_FALSE(through(kF32, DType::kF16, kF32));
  CHECK_FALSE(through(kI32, kF32, kI32));
  CHECK_FALSE(through(DType::kI8, DType::kU32, kI64));
  CHECK_FALSE(through(DType::kI8, kF32, DType::kU8));
  CHECK_FALSE(through(DType::kF16, DType::kBF16, DType::kF16));
  CHECK_FALSE(through(kI64, DType::kF64, kI64));
}

TEST_CASE("constant indexes are constants") {
  Maker m;
  ExprId five = add(m.body, {.fn = Fn::kIndex, .type = kI64, .dim = 5});
  CHECK(m.at(five).scalar == Scalar::of_int(kI64, 5));
  ExprId loop = add(m.body, {.fn = Fn::kIndex, .type = kI64, .dim = Dim::loop(LoopId(0))});
  CHECK(m.at(loop).fn == Fn::kIndex);
}

TEST_CASE("strips") {
  float a[] = {1, -2, 3}, b[] = {2, 2, 2}, out[3];
  const std::byte* args[] = {reinterpret_cast<std::byte*>(a), reinterpret_cast<std::byte*>(b)};
  eval(Fn::kMul, kF32, kF32, args, reinterpret_cast<std::byte*>(out), 3);
  CHECK(Vec<float>(out, out + 3) == Vec<float>{2, -4, 6});
  // In place.
  eval(Fn::kMul, kF32, kF32, args, reinterpret_cast<std::byte*>(a), 3);
  CHECK(Vec<float>(a, a + 3) == Vec<float>{2, -4, 6});
}

}  // namespace rlx
