// alpha * x + beta, held between 0 and 1.
#pragma once
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct HardSigmoid {
  static constexpr std::string_view name = "hard_sigmoid";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;
  // The greatest error in last places, over all floats.
  static constexpr double ulp = 0.5;

  float alpha = 0.2F;
  float beta = 0.5F;

  static Result<Types> infer(const HardSigmoid&, InferCtx& c) { return infer_map(c); }

  static Status lower(const HardSigmoid& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      // Rounded once, so that no digit is lost near its zero.
      const Ex line =
          x.stage->apply(Fn::kFma, {x, constant_like(x, o.alpha), constant_like(x, o.beta)});
      const Ex y = apply(Fn::kMin, line, constant_like(x, 1));
      return apply(Fn::kMax, y, constant_like(x, 0));
    });
  }
};
RLX_OP(HardSigmoid);

}  // namespace rlx::ops
