// start, start + delta, ... to before limit.
#pragma once
#include <cmath>

#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: start, limit, delta, scalars; integers known, floats constant.
struct Range {
  static constexpr std::string_view name = "range";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3};
  static constexpr DTypes dtypes = kNumbers;

  static Result<Types> infer(const Range&, InferCtx& c) {
    for (int i = 0; i < 3; ++i) {
      const bool fits = c.in(i).dtype == c.in(0).dtype && c.in(i).elements().is(1);
      if (!fits) {
        return c.error(kBadInput, "start, limit and delta are not three scalars of one type");
      }
    }
    const DType type = c.in(0).dtype;
    RLX_TRY(Dim count, is_float(type) ? count_of_floats(c) : count_of_integers(c));
    Type out = Type::tensor(type, {std::move(count)});
    if (!is_float(type)) tell_steps(c, out);
    return Types{std::move(out)};
  }

  static Status lower(const Range&, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Ex start = load_scalar(b, s, 0);
      const Ex delta = load_scalar(b, s, 2);
      return start + cast(s.index(at[0]), start.type()) * delta;
    });
  }

 private:
  static Result<Dim> count_of_integers(const InferCtx& c) {
    RLX_TRY(Vec<Dim> start, known_dims(c, 0, "start"));
    RLX_TRY(Vec<Dim> limit, known_dims(c, 1, "limit"));
    RLX_TRY(auto delta, known_integers(c, 2, "delta"));
    const int64_t step = delta->front();
    if (step == 0) return c.error(kBadInput, "delta is 0");
    // A distance that leaves 64 bits may be one that is not gone.
    const auto from = start[0].constant(), to = limit[0].constant();
    if (from && to && (step > 0 ? *from >= *to : *from <= *to)) return Dim(0);
    const Dim distance = step > 0 ? limit[0] - start[0] : start[0] - limit[0];
    // (distance + size - 1) floordiv size, without a sum that may be too large for it.
    const Dim size = step == INT64_MIN ? Dim(INT64_MAX) : Dim(step > 0 ? step : -step);
    return c.simplified(max(floor_div(distance - 1, size) + 1, 0));
  }

  static Result<Dim> count_of_floats(const InferCtx& c) {
    double bound[3] = {};
    for (int i = 0; i < 3; ++i) {
      const Constant* constant = c.constant(i);
      if (!constant) {
        return c.error(kMustBeKnown, "the bounds of a range of floats are no constants",
                       "compute it from shapes in integers, then cast");
      }
      bound[i] = only_element(*constant).f;
    }
    const double count = std::ceil((bound[1] - bound[0]) / bound[2]);
    if (!(count < INT32_MAX)) return c.error(kBadInput, "the range does not end");
    return Dim(count > 0 ? static_cast<int64_t>(count) : 0);
  }

  static void tell_steps(InferCtx& c, const Type& out) {
    const std::optional<int64_t> count = out.shape[0].constant();
    if (!count || *count > static_cast<int64_t>(kMostKnown)) return;
    const Dim start = c.known(0)->front();
    const Dim delta = c.known(2)->front();
    Vec<Dim> elements;
    for (int64_t i = 0; i < *count; ++i) elements.push_back(start + delta * i);
    tell(c, out, std::move(elements));
  }
};
RLX_OP(Range);

}  // namespace rlx::ops
