// Logarithm of the normalised exponential along one axis: x - max - log(sum(exp(x - max))).
#pragma once
#include "kernel/functions.h"
#include "op/op.h"
#include "op/shared/softmax.h"

namespace rlx::ops {

struct LogSoftmax {
  static constexpr std::string_view name = "log_softmax";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;

  int64_t axis = -1;

  static Result<Types> infer(const LogSoftmax& o, InferCtx& c) { return infer_rows(c, o.axis); }

  static Status lower(const LogSoftmax& o, KernelBuilder& b) {
    const Rows rows(b, {axis_of(o.axis, b.in(0).rank())});
    const Place top = store_maximum(b, rows);
    const Place log_sum = b.local(b.in(0).dtype);
    {
      StageBuilder s = b.reduce(rows.extents());
      const Ex x = s.load(b.input(0), rows.at(s));
      const Ex e = exp_below(x, s.load(top, {}));
      s.store(log_sum, {}, apply(macro::kLog, sum(s, e)));
    }
    StageBuilder s = b.map(rows.extents());
    const Ex x = s.load(b.input(0), rows.at(s));
    const Ex shifted = x - s.load(top, {});
    s.store(b.output(), rows.at(s), shifted - s.load(log_sum, {}));
    return {};
  }
  static Result<Values> grad(const LogSoftmax& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Wire y = f(in.outputs[0]), outer = f(in.outer[0]);
    const Wire total = sum(outer, {axis_of(o.axis, y.rank())});
    return f.values({outer - f.make("exp", {y}) * total});
  }
  static Result<Values> jvp(const LogSoftmax& o, GraphBuilder& b, const JvpIn& in) {
    Formula f(b);
    const Wire y = f(in.outputs[0]), tangent = f(in.tangents[0]);
    const Wire share = f.make("exp", {y}) * tangent;
    return f.values({tangent - sum(share, {axis_of(o.axis, y.rank())})});
  }
  static Result<Values> batch(const LogSoftmax& o, GraphBuilder& b, const BatchIn& in) {
    return batch_along(b, in, o);
  }
};
RLX_OP(LogSoftmax);

}  // namespace rlx::ops
