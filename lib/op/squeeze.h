// Removes axes of extent 1.
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, axes (known; left out: all axes of extent 1).
struct Squeeze {
  static constexpr std::string_view name = "squeeze";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 1};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool view = true;
  static constexpr bool reshapes = true;

  static Result<Types> infer(const Squeeze&, InferCtx& c) {
    const Type& in = c.in(0);
    RLX_TRY(auto given, known_integers(c, 1, "axes"));
    Vec<int> axes;
    if (given) {
      RLX_TRY(axes, checked_axes(c, *given, in.rank()));
      for (const Dim& extent : select_axes(in.shape, axes)) {
        RLX_TRY_VOID(c.require_equal(extent, 1));
      }
    } else {
      for (const int axis : iota(0, in.rank())) {
        const Dim& extent = in.shape[static_cast<size_t>(axis)];
        if (extent.is(1)) axes.push_back(axis);
        // A symbol that is 1 at run time would take the axis away: a variant bound to 1 does.
        if (!extent.constant()) {
          RLX_TRY_VOID(c.require_at_most(1, max(extent - 1, Dim(1) - extent)));
        }
      }
    }
    return view_types(c, without_axes(in.shape, axes));
  }

  static Status lower(const Squeeze&, KernelBuilder& b) { return lower_reshape(b); }
};
RLX_OP(Squeeze);

}  // namespace rlx::ops
