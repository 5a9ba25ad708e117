// What stands between two parts of a decoder layer: the sum of what comes past the first and what it gives, normalised for
// the second.
#pragma once
#include "op/op.h"
#include "op/rms_normalization.h"
#include "op/shared/map.h"

namespace rlx::ops {

// Inputs: x, residual of the same shape, gamma[width], and optionally beta[width]. Outputs: the sum as rows divided by the
// root of the mean of their squares, times gamma plus beta; and optionally the sum itself, the residual of what follows.
struct ResidualRmsNorm {
  static constexpr std::string_view name = "residual_rms_norm";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3, .optional = 1, .out = 2};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool own = true;

  float epsilon = 1e-5F;

  static Result<Types> infer(const ResidualRmsNorm&, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c));
    const Type& x = c.in(0);
    if (x.rank() == 0 || c.in(1).rank() != x.rank()) {
      return c.error(kBadInput, "x and residual have different axes, or none");
    }
    for (size_t i = 0; i < x.shape.size(); ++i) {
      RLX_TRY_VOID(c.require_equal(x.shape[i], c.in(1).shape[i]));
    }
    for (int i = 2; i < c.inputs(); ++i) {
      if (!c.has(i)) continue;
      if (c.in(i).rank() != 1) return c.error(kBadInput, "gamma or beta is no vector");
      RLX_TRY_VOID(c.require_equal(c.in(i).shape[0], x.shape.back()));
    }
    return Types{x, x};
  }

  static Result<Values> expand(const ResidualRmsNorm& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire sum = f(block.inputs[0]) + f(block.inputs[1]);
    const RmsNormalization norm{.epsilon = o.epsilon};
    const Wire scaled = f.make(attrs(norm), {sum, f(block.inputs[2])});
    const Wire y = added(scaled, f.input(block, 3));
    Vec<Wire> outputs = {y, sum};
    outputs.resize(block.outputs.size(), f.none());
    return f.values(outputs);
  }
};
RLX_OP(ResidualRmsNorm);

}  // namespace rlx::ops
