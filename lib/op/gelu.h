// x times the normal distribution's cumulative function at x, exactly by erf or nearly by tanh.
#pragma once
#include <numbers>

#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct Gelu {
  static constexpr std::string_view name = "gelu";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;

  // "none" or "tanh".
  std::string approximate = "none";

  static Result<Types> infer(const Gelu& o, InferCtx& c) {
    if (o.approximate != "none" && o.approximate != "tanh") {
      return c.error(kBadAttribute, "approximate is " + o.approximate);
    }
    return infer_map(c);
  }

  static Status lower(const Gelu& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      using std::numbers::inv_sqrtpi;
      using std::numbers::sqrt2;
      const Ex half = x * 0.5;
      if (o.approximate == "none") return half * (1 + apply(Fn::kErf, x / sqrt2));
      const Ex cube = x * x * x;
      const Ex inner = (x + cube * 0.044715) * (sqrt2 * inv_sqrtpi);
      return half * (1 + apply(Fn::kTanh, inner));
    });
  }
};
RLX_OP(Gelu);

}  // namespace rlx::ops
