// x to the power y, in the type of x.
#pragma once
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
      if (is_float(x.type())) return power(x, y.type() == x.type() ? y : cast(y, x.type()));
      if (is_integer(y.type())) return integer_power(x, cast(y, x.type()));
      return real_power_of_integer(x, cast(y, DType::kF64));
    });
  }

 private:
  // The powers that models are full of are exact and cheap.
  static Ex power(Ex x, Ex y) {
    const Expr& e = y.stage->stage().body[y.id.index];
    if (e.fn == Fn::kConst && e.scalar.f == 2) return x * x;
    if (e.fn == Fn::kConst && e.scalar.f == 3) return x * x * x;
    if (e.fn == Fn::kConst && e.scalar.f == 0.5) return apply(Fn::kSqrt, x);
    return apply(Fn::kPow, x, y);
  }

  // Whole exponents give whole powers exactly: a power just below one would be cut off.
  static Ex real_power_of_integer(Ex x, Ex y) {
    const Ex whole = apply(Fn::kEq, y, apply(Fn::kFloor, y));
    const Ex positive = apply(Fn::kGe, y, constant_like(y, 0));
    const Ex power = cast(apply(Fn::kPow, cast(x, DType::kF64), y), x.type());
    const Ex exact = integer_power(x, cast(y, x.type()));
    return select(apply(Fn::kAnd, whole, positive), exact, power);
  }

  // By squaring: 6 bits of y are enough, since beyond them only 0, 1 and -1 fit into 64 bits, whose
  // powers depend on whether y is odd.
  static Ex integer_power(Ex x, Ex y) {
    const Ex zero = constant_like(x, 0);
    const Ex one = constant_like(x, 1);
    Ex result = one;
    Ex square = x;
    for (int bit = 0; bit < 6; bit++) {
      const Ex taken = apply(Fn::kAnd, y, constant_like(y, static_cast<double>(1 << bit)));
      const Ex is_taken = apply(Fn::kNe, taken, zero);
      result = select(is_taken, result * square, result);
      square = square * square;
    }
    return result;
  }
};
RLX_OP(Pow);

}  // namespace rlx::ops
