// log(sum(exp(x))) along axes, moved by the maximum so that nothing overflows.
#pragma once
#include "kernel/functions.h"
#include "op/op.h"
#include "op/shared/reduced.h"
#include "op/shared/reduction_hooks.h"
#include "op/shared/rows.h"

namespace rlx::ops {

// Inputs: data, axes (op/shared/reduced.h).
struct ReduceLogSumExp {
  static constexpr std::string_view name = "reduce_log_sum_exp";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 1};
  static constexpr DTypes dtypes = kFloats;

  int64_t keepdims = 1;
  int64_t noop_with_empty_axes = 0;

  static Result<Types> infer(const ReduceLogSumExp& o, InferCtx& c) {
    RLX_TRY(const Vec<int> axes, reduced_axes(c, o.noop_with_empty_axes != 0));
    const Type& in = c.in(0);
    return Types{Type::tensor(in.dtype, reduced_shape(in.shape, axes, o.keepdims != 0))};
  }

  static Status lower(const ReduceLogSumExp& o, KernelBuilder& b) {
    const Vec<int> axes = reduced_axes(b, o.noop_with_empty_axes != 0);
    const Rows rows(b, axes);
    // log(exp(x)) of a row of one element.
    if (axes.empty()) {
      StageBuilder s = b.map();
      s.store(b.output(), rows.row(true), s.load(b.input(0), rows.at(s)));
      return {};
    }
    const Place top = b.local(b.in(0).dtype);
    {
      StageBuilder s = b.reduce(rows.extents());
      s.store(top, {}, maximum(s, s.load(b.input(0), rows.at(s))));
    }
    StageBuilder s = b.reduce(rows.extents());
    // Infinities are not subtracted: inf - inf is NaN.
    const Ex greatest = s.load(top, {});
    const Ex infinite = apply(Fn::kIsInf, greatest);
    const Ex shift = select(infinite, constant_like(greatest, 0), greatest);
    const Ex total = sum(s, apply(macro::kExp, s.load(b.input(0), rows.at(s)) - shift));
    s.store(b.output(), rows.row(o.keepdims != 0), apply(macro::kLog, total) + shift);
    return {};
  }
  static Result<Values> grad(const ReduceLogSumExp& o, GraphBuilder& b, const GradIn& in) {
    return grad_of_reduction(b, in, axes_of(o, b, in.inputs), slope_of_log_sum_exp);
  }
  static Result<Values> jvp(const ReduceLogSumExp& o, GraphBuilder& b, const JvpIn& in) {
    return jvp_of_reduction(b, in, axes_of(o, b, in.inputs), slope_of_log_sum_exp);
  }
  static Result<Values> batch(const ReduceLogSumExp& o, GraphBuilder& b, const BatchIn& in) {
    return batch_of_reduction(b, in, attrs(o), axes_of(o, b, b.graph()[in.node].inputs));
  }

 private:
  static Vec<int> axes_of(const ReduceLogSumExp& o, const GraphBuilder& b, const Values& inputs) {
    return reduced_axes(b, inputs, o.noop_with_empty_axes != 0);
  }
};
RLX_OP(ReduceLogSumExp);

}  // namespace rlx::ops
