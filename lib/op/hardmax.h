// 1 at the first greatest element along one axis, 0 elsewhere.
#pragma once
#include "op/op.h"
#include "op/shared/arg_best.h"
#include "op/shared/batching.h"

namespace rlx::ops {

struct Hardmax {
  static constexpr std::string_view name = "hardmax";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;

  int64_t axis = -1;

  static Result<Types> infer(const Hardmax& o, InferCtx& c) { return infer_rows(c, o.axis); }

  static Status lower(const Hardmax& o, KernelBuilder& b) {
    const Rows rows(b, {axis_of(o.axis, b.in(0).rank())});
    const Place place = b.local(DType::kI64);
    {
      StageBuilder s = b.reduce(rows.extents());
      const Ex x = s.load(b.input(0), rows.at(s));
      s.store(place, {}, place_of_best(s, x, false, Fn::kGt, lowest(x.type())));
    }
    StageBuilder s = b.map(rows.extents());
    const Ex here = s.index(s.loop(0));
    const Ex best = s.load(place, {});
    const Ex is_best = apply(Fn::kEq, here, best);
    const Ex one = s.constant(b.in(0).dtype, 1);
    const Ex zero = s.constant(b.in(0).dtype, 0);
    s.store(b.output(), rows.at(s), select(is_best, one, zero));
    return {};
  }
  static Result<Values> grad(const Hardmax&, GraphBuilder&, const GradIn& in) {
    return grad_of_steps(in);
  }
  static Result<Values> batch(const Hardmax& o, GraphBuilder& b, const BatchIn& in) {
    return batch_along(b, in, o);
  }
  static Result<Values> jvp(const Hardmax&, GraphBuilder&, const JvpIn& in) {
    return Values(in.outputs.size());
  }
};
RLX_OP(Hardmax);

}  // namespace rlx::ops
