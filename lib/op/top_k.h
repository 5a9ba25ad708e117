// The greatest elements along an axis, or the least, with their places.
#pragma once
#include "op/op.h"
#include "op/shared/rows.h"
#include "op/shared/sort_key.h"

namespace rlx::ops {

// Inputs: x, how many (known). Outputs: the elements, the first in the order, and their indexes along the axis. Of
// equal ones the lower index comes first; NaN is greater than any number.
struct TopK {
  static constexpr std::string_view name = "top_k";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .out = 2};
  static constexpr DTypes dtypes = kNumbers;

  int64_t axis = -1;
  int64_t largest = 1;
  // Without it any order would do; they are sorted all the same.
  int64_t sorted = 1;

  static Result<Types> infer(const TopK& o, InferCtx& c) {
    RLX_TRY(const int axis, checked_axis(c, o.axis, c.in(0).rank()));
    RLX_TRY(const Vec<Dim> count, known_extents(c, 1, "the number of elements"));
    if (count.size() != 1) return c.error(kBadInput, "the number of elements is not one number");
    Vec<Dim> shape = c.in(0).shape;
    Dim& extent = shape[static_cast<size_t>(axis)];
    RLX_TRY_VOID(c.require_at_most(count[0], extent));
    extent = count[0];
    return Types{Type::tensor(c.in(0).dtype, shape), Type::tensor(DType::kI64, shape)};
  }

  static Status lower(const TopK& o, KernelBuilder& b) {
    const auto axis = static_cast<size_t>(axis_of(o.axis, b.in(0).rank()));
    const Rows rows(b, {static_cast<int>(axis)});
    StageBuilder s = b.sort(b.out().shape[axis], rows.extents()[0]);
    const Vec<Dim> element = rows.at(Vec<Dim>{s.loop(1)}), ranked = rows.at(Vec<Dim>{s.loop(0)});
    const Ex key = sort_key(s.load(b.input(0), element));
    std::get<Sort>(s.stage().detail).key = (o.largest != 0 ? apply(Fn::kNot, key) : key).id;
    const Ex place = s.acc();
    Vec<AxisIndex> there;
    for (const Dim& d : ranked) there.push_back({.dim = d});
    there[axis] = {.expr = place.id};
    s.store(b.output(0), ranked, s.gather(b.input(0), there, Vec<Bounds>(there.size())));
    s.store(b.output(1), ranked, place);
    return {};
  }
};
RLX_OP(TopK);

}  // namespace rlx::ops
