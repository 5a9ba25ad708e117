// The same elements in the same order under another shape.
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, shape (known). In shape, -1 is the extent that is left over and, unless allowzero,
// 0 is the extent of data's same axis; where only the run knows an extent, it is neither.
struct Reshape {
  static constexpr std::string_view name = "reshape";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool view = true;
  static constexpr bool reshapes = true;

  int64_t allowzero = 0;

  static Result<Types> infer(const Reshape& o, InferCtx& c) {
    RLX_TRY(Vec<Dim> shape, known_extents(c, 1, "the new shape"));
    const Type& in = c.in(0);
    std::optional<size_t> open;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis].is(-1)) {
        if (open) return c.error(kBadInput, "the new shape has more than one -1");
        open = axis;
        shape[axis] = 1;
      } else if (shape[axis].is(0) && o.allowzero == 0) {
        if (axis >= in.shape.size()) {
          return c.error(kBadInput, "the new shape copies no axis of data");
        }
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
