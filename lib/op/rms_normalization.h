// Rows divided by the root of the mean of their squares, then times `scale`.
#pragma once
#include "ir/builder.h"
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"

namespace rlx::ops {

// Inputs: x, and scale, which broadcasts to a row: the axes from `axis` on.
// Outputs: y, and optionally what each row was multiplied by.
struct RmsNormalization {
  static constexpr std::string_view name = "rms_normalization";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .out = 2};
  static constexpr DTypes dtypes = kFloats;

  int64_t axis = -1;
  float epsilon = 1e-5F;
  // ONNX's code of the type in which the mean is computed: 1 is f32.
  int64_t stash_type = 1;

  static Result<Types> infer(const RmsNormalization& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (o.stash_type != 1) {
      return c.error(kUnsupportedForm, "stash_type is not 1 (f32)", "compute the mean in f32");
    }
    RLX_TRY(const int axis, checked_axis(c, o.axis, x.rank()));
    if (c.in(1).dtype != x.dtype) {
      return c.error(kBadInput, "x and scale have different element types");
    }
    RLX_TRY_VOID(require_broadcast_to(c, 1, x.shape, "scale is larger than a row"));
    Type factor = Type::tensor(compute_type(x.dtype), x.shape);
    for (const int k : iota(axis, x.rank())) factor.shape[static_cast<size_t>(k)] = 1;
    Types out = {x, factor};
    out.resize(static_cast<size_t>(c.outputs()));
    return out;
  }

  static Result<Values> expand(const RmsNormalization& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]), scale = f(block.inputs[1]);
    const Wire wide = cast(x, compute_type(x.dtype()));
    const Wire mean = reduce("reduce_mean", wide * wide, iota(axis_of(o.axis, x.rank()), x.rank()));
    const Wire root = f.make("sqrt", {mean + static_cast<double>(o.epsilon)});
    const Wire factor = 1.0 / root;
    const Wire normalised = cast(wide * factor, x.dtype());
    Vec<Wire> outputs = {normalised * scale, factor};
    outputs.resize(block.outputs.size(), f.none());
    return f.values(outputs);
  }
};
RLX_OP(RmsNormalization);

}  // namespace rlx::ops
