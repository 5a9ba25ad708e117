// Normalised exponential along one axis.
#pragma once
#include "op/op.h"
#include "op/shared/softmax.h"

namespace rlx::ops {

struct Softmax {
  static constexpr std::string_view name = "softmax";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;

  int64_t axis = -1;

  static Result<Types> infer(const Softmax& o, InferCtx& c) { return infer_rows(c, o.axis); }

  // Four stages over a row that stays local: maximum, exponentials, their sum, scale.
  static Status lower(const Softmax& o, KernelBuilder& b) {
    const Rows rows(b, {axis_of(o.axis, b.in(0).rank())});
    const Place top = store_maximum(b, rows);
    const Place row = b.local(b.in(0).dtype, rows.extents());
    const Place scale = b.local(b.in(0).dtype);
    {
      StageBuilder s = b.map(rows.extents());
      const Ex x = s.load(b.input(0), rows.at(s));
      s.store(row, s.loops(), exp_below(x, s.load(top, {})));
    }
    {
      StageBuilder s = b.reduce(rows.extents());
      s.store(scale, {}, 1 / sum(s, s.load(row, s.loops())));
    }
    StageBuilder s = b.map(rows.extents());
    const Ex e = s.load(row, s.loops());
    s.store(b.output(), rows.at(s), e * s.load(scale, {}));
    return {};
  }
  // y (v - sum(y v)): the slope is symmetric, so that v may be a gradient or a tangent.
  static Result<Values> grad(const Softmax& o, GraphBuilder& b, const GradIn& in) {
    return along_slope(o, b, in.outputs[0], in.outer[0]);
  }
  static Result<Values> jvp(const Softmax& o, GraphBuilder& b, const JvpIn& in) {
    return along_slope(o, b, in.outputs[0], in.tangents[0]);
  }
  static Result<Values> batch(const Softmax& o, GraphBuilder& b, const BatchIn& in) {
    return batch_along(b, in, o);
  }

 private:
  static Result<Values> along_slope(const Softmax& o, GraphBuilder& b, ValueId result,
                                    ValueId along) {
    Formula f(b);
    const Wire y = f(result);
    const Wire v = y * f(along);
    const Wire total = sum(v, {axis_of(o.axis, y.rank())});
    return f.values({v - y * total});
  }
};
RLX_OP(Softmax);

}  // namespace rlx::ops
