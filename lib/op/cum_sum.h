// Sums of all elements up to each along an axis.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"
#include "op/shared/rows.h"

namespace rlx::ops {

// Inputs: x, the axis (known).
struct CumSum {
  static constexpr std::string_view name = "cum_sum";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kNumbers;
  static constexpr bool linear = true;

  // The element itself is left out.
  int64_t exclusive = 0;
  // From the end.
  int64_t reverse = 0;

  static Result<Types> infer(const CumSum&, InferCtx& c) {
    RLX_TRY(auto axis, known_integers(c, 1, "the axis"));
    if (axis->size() != 1) return c.error(kBadInput, "the axis is not one number");
    RLX_TRY_VOID(checked_axis(c, axis->front(), c.in(0).rank()));
    return Types{c.in(0)};
  }

  static Status lower(const CumSum& o, KernelBuilder& b) {
    const Rows rows(b, {axis_of(integers_at(b, 1).front(), b.in(0).rank())});
    StageBuilder s = b.scan(rows.extents()[0], o.exclusive != 0, o.reverse != 0);
    s.store(b.output(), rows.at(s), sum(s, s.load(b.input(0), rows.at(s))));
    return {};
  }

  // What comes back from all sums that an element is in: those the other way.
  static Result<Values> grad(const CumSum& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const CumSum back{.exclusive = o.exclusive, .reverse = o.reverse == 0 ? 1 : 0};
    return f.values({f.make(attrs(back), {f(in.outer[0]), f(in.inputs[1])}), f.none()});
  }

  static Result<Values> batch(const CumSum& o, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    const int64_t axis = b.known(in.inputs[1])->front().constant().value();
    return f.values(
        {f.make(attrs(o), {f(in.inputs[0]), f.integers(Vec<Dim>{axis < 0 ? axis : axis + 1})})});
  }
};
RLX_OP(CumSum);

}  // namespace rlx::ops
