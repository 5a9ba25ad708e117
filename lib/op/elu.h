// x where not negative, else alpha * (exp(x) - 1).
#pragma once
#include "kernel/functions.h"
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct Elu {
  static constexpr std::string_view name = "elu";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;
  // The greatest error in last places, over all floats.
  static constexpr double ulp = 3.0;

  float alpha = 1;

  static Result<Types> infer(const Elu&, InferCtx& c) { return infer_map(c); }

  static Status lower(const Elu& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      const Ex tail = apply(macro::kExpm1, x) * o.alpha;
      const Ex negative = apply(Fn::kLt, x, constant_like(x, 0));
      return select(negative, tail, x);
    });
  }
};
RLX_OP(Elu);

}  // namespace rlx::ops
