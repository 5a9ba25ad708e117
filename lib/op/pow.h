// x to the power y, in the type of x.
#pragma once
#include "kernel/functions.h"
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

// Inputs: x, y, which may differ in type.
struct Pow {
  static constexpr std::string_view name = "pow";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kNumbers;
  static constexpr bool elementwise = true;

  static Result<Types> infer(const Pow&, InferCtx& c) {
    RLX_TRY(Vec<Dim> shape, broadcast_inputs(c));
    return Types{Type::tensor(c.in(0).dtype, std::move(shape))};
  }

  static Status lower(const Pow&, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Ex x = load_broadcast(b, s, 0, at);
      const Ex y = load_broadcast(b, s, 1, at);
      if (is_float(x.type())) return apply(macro::kPow, x, cast(y, x.type()));
      if (is_integer(y.type())) return integer_power(x, y);
      return real_power_of_integer(x, cast(y, DType::kF64));
    });
  }

 private:
  // Beyond, powers of 0, 1 and -1 are exact in f64 too, and all others overflow.
  static constexpr double kMostWhole = 0x1p31;

  // Whole exponents give whole powers exactly: a power just below one would be cut off.
  static Ex real_power_of_integer(Ex x, Ex y) {
    const Ex whole = apply(Fn::kEq, y, apply(Fn::kFloor, y));
    const Ex small = apply(Fn::kLt, apply(Fn::kAbs, y), constant_like(y, kMostWhole));
    const Ex power = cast(apply(macro::kPow, cast(x, DType::kF64), y), x.type());
    const Ex exact = integer_power(x, cast(y, DType::kI32));
    return select(apply(Fn::kAnd, whole, small), exact, power);
  }

  // By squaring, over every bit of y: what overflows wraps as the product of so many factors does.
  static Ex integer_power(Ex x, Ex y) {
    const Ex one = constant_like(x, 1);
    Ex result = one;
    Ex square = x;
    const int bits = value_bits(y.type());
    for (int bit = 0; bit < bits; ++bit) {
      const Ex taken = apply(Fn::kAnd, y, y.stage->constant_int(y.type(), int64_t{1} << bit));
      const Ex is_taken = apply(Fn::kNe, taken, constant_like(y, 0));
      result = select(is_taken, result * square, result);
      square = square * square;
    }
    if (!is_signed(y.type())) return result;
    const Ex inverse = inverse_power(x, y);
    return select(is_negative(y), inverse, result);
  }

  static Ex is_negative(Ex y) { return apply(Fn::kLt, y, constant_like(y, 0)); }

  // For y < 0, 1 / x^-y cut off: 0 but for x of 1, -1 and 0, whose infinity is the greatest number.
  static Ex inverse_power(Ex x, Ex y) {
    const Ex zero = constant_like(x, 0);
    const Ex one = constant_like(x, 1);
    const auto is = [&](Ex value) { return apply(Fn::kEq, x, value); };
    const Ex greatest = constant(*x.stage, highest(x.type()));
    const Ex is_zero = is(zero);
    const Ex of_others = select(is_zero, greatest, zero);
    const Ex is_one = is(one);
    const Ex inverse = select(is_one, one, of_others);
    if (is_unsigned(x.type())) return inverse;
    const Ex bit = apply(Fn::kAnd, y, constant_like(y, 1));
    const Ex odd = apply(Fn::kNe, bit, constant_like(y, 0));
    const Ex minus = -one;
    const Ex of_minus = select(odd, minus, one);
    const Ex is_minus = is(minus);
    return select(is_minus, of_minus, inverse);
  }
};
RLX_OP(Pow);

}  // namespace rlx::ops
