// x where above alpha, else 0.
#pragma once
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct ThresholdedRelu {
  static constexpr std::string_view name = "thresholded_relu";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;

  float alpha = 1;

  static Result<Types> infer(const ThresholdedRelu&, InferCtx& c) { return infer_map(c); }

  static Status lower(const ThresholdedRelu& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      const Ex kept = apply(Fn::kGt, x, constant_like(x, o.alpha));
      return select(kept, x, constant_like(x, 0));
    });
  }
};
RLX_OP(ThresholdedRelu);

}  // namespace rlx::ops
