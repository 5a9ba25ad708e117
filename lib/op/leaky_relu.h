// x where not negative, else alpha * x.
#pragma once
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct LeakyRelu {
  static constexpr std::string_view name = "leaky_relu";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;
  // The greatest error in last places, over all floats.
  static constexpr double ulp = 0.5;

  float alpha = 0.01F;

  static Result<Types> infer(const LeakyRelu&, InferCtx& c) { return infer_map(c); }

  static Status lower(const LeakyRelu& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      const Ex negative = apply(Fn::kLt, x, constant_like(x, 0));
      return select(negative, x * o.alpha, x);
    });
  }
};
RLX_OP(LeakyRelu);

}  // namespace rlx::ops
