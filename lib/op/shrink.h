// Moves x towards 0 by bias where it is beyond lambd, else 0.
#pragma once
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct Shrink {
  static constexpr std::string_view name = "shrink";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;

  float bias = 0;
  float lambd = 0.5F;

  static Result<Types> infer(const Shrink&, InferCtx& c) { return infer_map(c); }

  static Status lower(const Shrink& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      const Ex zero = constant_like(x, 0);
      const Ex is_low = apply(Fn::kLt, x, constant_like(x, -o.lambd));
      const Ex low = select(is_low, x + o.bias, zero);
      const Ex is_high = apply(Fn::kGt, x, constant_like(x, o.lambd));
      return select(is_high, x - o.bias, low);
    });
  }
};
RLX_OP(Shrink);

}  // namespace rlx::ops
