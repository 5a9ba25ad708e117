// x where positive, else alpha * (exp(x / alpha) - 1).
#pragma once
#include "kernel/functions.h"
#include "op/op.h"
#include "op/shared/formula.h"
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
  // Smooth at 0 too, where its two terms are not: e^(min(x, 0) / alpha).
  static Result<Values> grad(const Celu& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Wire s = slope(o, f(in.inputs[0]));
    return f.values({f(in.outer[0]) * s});
  }
  static Result<Values> jvp(const Celu& o, GraphBuilder& b, const JvpIn& in) {
    Formula f(b);
    const Wire s = slope(o, f(in.inputs[0]));
    return f.values({f(in.tangents[0]) * s});
  }

 private:
  static Wire slope(const Celu& o, Wire x) {
    Formula& f = *x.formula;
    const Wire low = f.make("min", {x, f.number(x.dtype(), 0.0)});
    return f.make("exp", {low * (1 / o.alpha)});
  }
};
RLX_OP(Celu);

}  // namespace rlx::ops
