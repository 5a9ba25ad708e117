// x times the normal distribution's cumulative function at x, exactly by erf or nearly by tanh.
#pragma once
#include "kernel/functions.h"
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
    const Fn fn = o.approximate == "none" ? macro::kGelu : macro::kGeluTanh;
    return lower_unary(b, [&](Ex x) { return apply(fn, x); });
  }
};
RLX_OP(Gelu);

}  // namespace rlx::ops
