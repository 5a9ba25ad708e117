// Channels moved and scaled by statistics of the training data: (x - mean) * factor + bias with
// factor = scale / sqrt(var + epsilon), which folds. The mean goes first: where it is far from 0, x *
// factor - mean * factor would cancel.
#pragma once
#include "ir/builder.h"
#include "op/cast.h"
#include "op/op.h"
#include "op/shared/codes.h"

namespace rlx::ops {

// Inputs: x[n, c, ...], scale[c], bias[c], mean[c], var[c].
struct BatchNormalization {
  static constexpr std::string_view name = "batch_normalization";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 5};
  static constexpr DTypes dtypes = kFloats;

  float epsilon = 1e-5F;

  static Result<Types> infer(const BatchNormalization&, InferCtx& c) {
    const Type& x = c.in(0);
    if (x.rank() < 2) return c.error(kBadInput, "the input has no channels");
    for (int i = 1; i < 5; ++i) {
      if (c.in(i).rank() != 1) return c.error(kBadInput, "a statistic is not one number a channel");
      RLX_TRY_VOID(c.require_equal(c.in(i).shape[0], x.shape[1]));
    }
    return Types{x};
  }

  static Result<Values> expand(const BatchNormalization& o, GraphBuilder& g, const Node& block) {
    const Values& inputs = block.inputs;
    // Of a channel, so that it broadcasts over the axes behind it.
    const auto channel = [&](ValueId v) {
      Vec<int64_t> shape(g.type(inputs[0]).shape.size() - 1, 1);
      shape[0] = -1;
      return g.add1("reshape", {v, g.i64s(shape)});
    };
    const DType type = g.type(inputs[4]).dtype;
    RLX_TRY(const ValueId epsilon,
            g.add1(attrs(Cast{.to = type}), {g.constant(f32_scalar(o.epsilon))}));
    RLX_TRY(const ValueId variance, g.add1("add", {inputs[4], epsilon}));
    RLX_TRY(const ValueId deviation, g.add1("sqrt", {variance}));
    RLX_TRY(const ValueId factor, g.add1("div", {inputs[1], deviation}));
    RLX_TRY(const ValueId means, channel(inputs[3]));
    RLX_TRY(const ValueId factors, channel(factor));
    RLX_TRY(const ValueId biases, channel(inputs[2]));
    RLX_TRY(const ValueId moved, g.add1("sub", {inputs[0], means}));
    RLX_TRY(const ValueId scaled, g.add1("mul", {moved, factors}));
    RLX_TRY(const ValueId y, g.add1("add", {scaled, biases}));
    return Values{y};
  }

 private:
  static Constant f32_scalar(float value) {
    return make_constant(DType::kF32, {}, {reinterpret_cast<const char*>(&value), sizeof value});
  }
};
RLX_OP(BatchNormalization);

}  // namespace rlx::ops
