// The place of the best element along an axis: arg_max, arg_min and hardmax.
#pragma once
#include "op/shared/reduced.h"
#include "op/shared/rows.h"

namespace rlx {

inline Result<Types> infer_arg_best(InferCtx& c, int64_t axis, bool keepdims) {
  RLX_TRY(const int checked, checked_axis(c, axis, c.in(0).rank()));
  RLX_TRY_VOID(require_elements(c, c.in(0).shape[static_cast<size_t>(checked)], "the axis"));
  return Types{Type::tensor(DType::kI64, reduced_shape(c.in(0).shape, {checked}, keepdims))};
}

// Whether x takes the place of the best so far, for of several equal ones the last or the first. NaN is
// better than any number, as it is what the maximum of the row would be.
inline Ex takes_place(Ex x, Ex best, bool last, Fn better) {
  const Ex wins = last ? apply(Fn::kNot, apply(better, best, x)) : apply(better, x, best);
  if (!is_float(x.type())) return wins;
  const Ex is_nan = apply(Fn::kIsNan, x);
  const Ex was_number = apply(Fn::kNot, apply(Fn::kIsNan, best));
  if (last) return apply(Fn::kAnd, wins, apply(Fn::kOr, is_nan, was_number));
  return apply(Fn::kOr, wins, apply(Fn::kAnd, is_nan, was_number));
}

// Where along its one loop a reduction's value x is best. `better` is kGt or kLt; `worst` is no better than
// any element.
inline Ex place_of_best(StageBuilder& s, Ex x, bool last, Fn better, const Scalar& worst) {
  const int best = s.add_accumulator(x.type(), worst);
  const int place = s.add_accumulator(DType::kI64, Scalar::of_int(DType::kI64, 0));
  const Ex wins = takes_place(x, s.acc(best), last, better);
  s.set_combine(best, select(wins, x, s.acc(best)));
  const Ex here = s.index(s.loop(0));
  s.set_combine(place, select(wins, here, s.acc(place)));
  return s.acc(place);
}

inline Status lower_arg_best(KernelBuilder& b, int64_t axis, bool keepdims, bool last, Fn better,
                             const Scalar& worst) {
  const Rows rows(b, {axis_of(axis, b.in(0).rank())});
  StageBuilder s = b.reduce(rows.extents());
  const Ex x = s.load(b.input(0), rows.at(s));
  s.store(b.output(), rows.row(keepdims), place_of_best(s, x, last, better, worst));
  return {};
}

}  // namespace rlx
