// x where positive, else alpha * (exp(x / alpha) - 1).
#pragma once
#include "kernel/functions.h"
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct Celu {
  static constexpr std::string_view name = "celu";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;
  // The greatest error in last places, over all floats.
  static constexpr double ulp = 3.5;

  float alpha = 1;

  static Result<Types> infer(const Celu&, InferCtx& c) { return infer_map(c); }

  static Status lower(const Celu& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      const Ex zero = constant_like(x, 0);
      const Ex tail = apply(macro::kExpm1, x / o.alpha) * o.alpha;
      const Ex low = apply(Fn::kMin, tail, zero);
      return apply(Fn::kMax, x, zero) + low;
    });
  }
};
RLX_OP(Celu);

}  // namespace rlx::ops
