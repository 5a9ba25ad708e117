// gamma * x where positive, else gamma * alpha * (exp(x) - 1).
#pragma once
#include "kernel/functions.h"
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct Selu {
  static constexpr std::string_view name = "selu";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;
  // The greatest error in last places, over all floats.
  static constexpr double ulp = 3.5;

  float alpha = 1.67326319217681884765625F;
  float gamma = 1.05070102214813232421875F;

  static Result<Types> infer(const Selu&, InferCtx& c) { return infer_map(c); }

  static Status lower(const Selu& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      const Ex tail = apply(macro::kExpm1, x) * o.alpha;
      const Ex positive = apply(Fn::kGt, x, constant_like(x, 0));
      return select(positive, x, tail) * o.gamma;
    });
  }
};
RLX_OP(Selu);

}  // namespace rlx::ops
