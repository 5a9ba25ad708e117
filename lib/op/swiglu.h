// The feed-forward network of a Llama layer: (silu(x gate_w) * (x up_w)) down_w.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"
#include "op/shared/projection.h"

namespace rlx::ops {

// Inputs: x[..., in], up_w[in, hidden], gate_w[in, hidden], down_w[hidden, in]; with trans_w each has its two axes the
// other way round.
struct Swiglu {
  static constexpr std::string_view name = "swiglu";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 4};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool own = true;

  // One of op/shared/projection.h: "gelu_tanh" makes it a GeGLU.
  std::string activation = "silu";
  int64_t trans_w = 0;

  static Result<Types> infer(const Swiglu& o, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c));
    RLX_TRY_VOID(check_activation(c, o.activation));
    const Type& x = c.in(0);
    if (x.rank() == 0) return c.error(kBadInput, "x is a scalar");
    RLX_TRY_VOID(check_gated(c, 1, x.shape.back(), {.transposed = o.trans_w != 0}));
    return Types{x};
  }

  static Result<Values> expand(const Swiglu& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const GatedWeights weights{f(block.inputs[1]), f(block.inputs[2]), f(block.inputs[3]),
                               o.trans_w != 0};
    return f.values({gated(f(block.inputs[0]), weights, o.activation)});
  }
};
RLX_OP(Swiglu);

}  // namespace rlx::ops
