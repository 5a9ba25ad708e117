// A layer of a network: x W + bias, then an activation.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"
#include "op/shared/projection.h"

namespace rlx::ops {

// Inputs: x[..., in], w[in, out], or [out, in] with trans_w, and optionally bias[out].
struct Linear {
  static constexpr std::string_view name = "linear";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool own = true;

  // One of op/shared/projection.h.
  std::string activation = "none";
  int64_t trans_w = 0;

  static Result<Types> infer(const Linear& o, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c));
    RLX_TRY_VOID(check_activation(c, o.activation));
    Type y = c.in(0);
    if (y.rank() == 0) return c.error(kBadInput, "x is a scalar");
    RLX_TRY(y.shape.back(), infer_projection(c, 1, y.shape.back(), {.transposed = o.trans_w != 0}));
    if (c.has(2)) {
      if (c.in(2).rank() != 1) return c.error(kBadInput, "the bias is no vector");
      RLX_TRY_VOID(c.require_equal(c.in(2).shape[0], y.shape.back()));
    }
    return Types{y};
  }

  static Result<Values> expand(const Linear& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = projected(f(block.inputs[0]), f(block.inputs[1]), o.trans_w != 0);
    return f.values({activated(added(x, f.input(block, 2)), o.activation)});
  }
};
RLX_OP(Linear);

}  // namespace rlx::ops
