// Rows moved and scaled to mean 0 and variance 1, then times `scale` plus `bias`.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/rows.h"

namespace rlx::ops {

// Inputs: x, scale, bias; the last two broadcast to a row, which is the axes from `axis` on.
// Outputs: y, and optionally the mean and the inverse standard deviation of each row.
struct LayerNormalization {
  static constexpr std::string_view name = "layer_normalization";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1, .out = 3};
  static constexpr DTypes dtypes = kFloats;

  int64_t axis = -1;
  float epsilon = 1e-5F;
  // ONNX's code of the type in which statistics are computed: 1 is f32.
  int64_t stash_type = 1;

  static Result<Types> infer(const LayerNormalization& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (o.stash_type != 1) {
      return c.error(kUnsupportedForm, "stash_type is not 1 (f32)", "compute statistics in f32");
    }
    RLX_TRY(const int axis, checked_axis(c, o.axis, x.rank()));
    for (int i = 1; i < c.inputs(); ++i) {
      if (!c.has(i)) continue;
      if (c.in(i).dtype != x.dtype) {
        return c.error(kBadInput, "inputs have different element types");
      }
      RLX_TRY_VOID(require_broadcast_to(c, i, x.shape, "scale or bias is larger than a row"));
    }
    Type statistic = Type::tensor(compute_type(x.dtype), x.shape);
    for (const int k : iota(axis, x.rank())) statistic.shape[static_cast<size_t>(k)] = 1;
    Types out = {x, statistic, statistic};
    out.resize(static_cast<size_t>(c.outputs()));
    return out;
  }

  static Status lower(const LayerNormalization& o, KernelBuilder& b) {
    const int rank = b.in(0).rank();
    const Rows rows(b, iota(axis_of(o.axis, rank), rank));
    const Place mean = b.local(b.in(0).dtype);
    const Place scale = b.local(b.in(0).dtype);
    {
      StageBuilder s = b.reduce(rows.extents());
      s.store(mean, {}, over_length(rows, sum(s, s.load(b.input(0), rows.at(s)))));
    }
    {
      StageBuilder s = b.reduce(rows.extents());
      const Ex x = s.load(b.input(0), rows.at(s));
      const Ex centred = x - s.load(mean, {});
      const Ex variance = over_length(rows, sum(s, centred * centred));
      s.store(scale, {}, 1 / apply(Fn::kSqrt, variance + o.epsilon));
    }
    {
      StageBuilder s = b.map(rows.extents());
      const Vec<Dim> at = rows.at(s);
      Ex y = s.load(b.input(0), at);
      y = y - s.load(mean, {});
      y = y * s.load(scale, {});
      if (b.has(1)) y = y * load_broadcast(b, s, 1, at);
      if (b.has(2)) y = y + load_broadcast(b, s, 2, at);
      s.store(b.output(), at, y);
    }
    if (b.outputs() > 1) copy_out(b, rows, mean, 1);
    if (b.outputs() > 2) copy_out(b, rows, scale, 2);
    return {};
  }

 private:
  static Ex over_length(const Rows& rows, Ex sum) {
    return sum / cast(sum.stage->index(rows.length()), sum.type());
  }

  static void copy_out(KernelBuilder& b, const Rows& rows, Place local, int output) {
    StageBuilder s = b.map();
    s.store(b.output(output), rows.row(true), s.load(local, {}));
  }
};
RLX_OP(LayerNormalization);

}  // namespace rlx::ops
