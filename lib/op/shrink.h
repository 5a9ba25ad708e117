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
      const Ex low =
          select(apply(Fn::kLt, x, constant_like(x, -o.lambd)), x + o.bias, constant_like(x, 0));
      return select(apply(Fn::kGt, x, constant_like(x, o.lambd)), x - o.bias, low);
    });
  }
};
RLX_OP(Shrink);

}  // namespace rlx::ops
