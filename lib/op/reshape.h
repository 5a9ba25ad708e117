// The same elements in the same order under another shape.
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, shape (known). In shape, -1 is the extent that is left over and, unless allowzero,
// 0 is the extent of data's same axis.
struct Reshape {
  static constexpr std::string_view name = "reshape";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool view = true;

  int64_t allowzero = 0;

  static Result<Types> infer(const Reshape& o, InferCtx& c) {
    RLX_TRY(Vec<Dim> shape, known_dims(c, 1, "the new shape"));
    const Type& in = c.in(0);
    if (has_open_sign(c, shape)) {
      RLX_TRY(shape, resolved(o, c, std::move(shape)));
    }
    std::optional<size_t> open;
    for (size_t axis = 0; axis < shape.size(); axis++) {
      if (shape[axis].is(-1)) {
        if (open) return c.error(kBadInput, "the new shape has more than one -1");
        open = axis;
        shape[axis] = 1;
      } else if (shape[axis].is(0) && o.allowzero == 0) {
        if (axis >= in.shape.size())
          return c.error(kBadInput, "the new shape copies no axis of data");
        shape[axis] = in.shape[axis];
      }
    }
    if (open) {
      RLX_TRY(shape[*open], left_over(c, in.elements(), product(shape)));
    }
    RLX_TRY_VOID(c.require_equal(in.elements(), product(shape)));
    return view_types(c, std::move(shape));
  }

  static Status lower(const Reshape&, KernelBuilder& b) { return lower_reshape(b); }

 private:
  // Whether an extent is only known at run time to be -1, 0 or itself.
  static bool has_open_sign(const InferCtx& c, const Vec<Dim>& shape) {
    const RangeOf range = c.graph().symbol_ranges();
    return std::any_of(shape.begin(), shape.end(), [&](const Dim& d) {
      return !d.constant() && !proven_nonnegative(d, range);
    });
  }

  // The shape with what -1 and 0 stand for, as arithmetic on the extents. Everything is a min or max,
  // whose products do not grow into sums.
  static Result<Vec<Dim>> resolved(const Reshape& o, InferCtx& c, Vec<Dim> shape) {
    const Vec<Dim>& in = c.in(0).shape;
    Vec<Dim> is_left_over;
    Dim others = 1;
    for (size_t axis = 0; axis < shape.size(); axis++) {
      Dim& d = shape[axis];
      RLX_TRY_VOID(c.require_at_most(-1, d));
      is_left_over.push_back(min(max(Dim(0) - d, 0), 1));
      const Dim is_zero = Dim(1) - min(max(d, Dim(0) - d), 1);
      const bool copies = o.allowzero == 0 && axis < in.size();
      d = max(d, copies ? is_zero * in[axis] : Dim(0));
      others = others * max(d, 1);
    }
    const Dim rest = floor_div(c.in(0).elements(), others);
    for (size_t axis = 0; axis < shape.size(); axis++)
      shape[axis] = max(shape[axis], is_left_over[axis] * rest);
    return shape;
  }

  // The extent of -1: all elements over those of the other axes.
  static Result<Dim> left_over(const InferCtx& c, const Dim& all, const Dim& others) {
    if (others.is(0)) return c.error(kBadInput, "-1 in the new shape is not defined beside a 0");
    if (std::optional<Dim> exact = exact_div(all, others)) return *exact;
    // Where the others are 0, so are all elements, and the extent may be anything.
    return c.simplified(floor_div(all, max(others, 1)));
  }
};
RLX_OP(Reshape);

}  // namespace rlx::ops
