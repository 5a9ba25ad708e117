// Adds axes of extent 1.
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, axes of the output (known).
struct Unsqueeze {
  static constexpr std::string_view name = "unsqueeze";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool view = true;
  static constexpr bool reshapes = true;

  static Result<Types> infer(const Unsqueeze&, InferCtx& c) {
    RLX_TRY(auto given, known_integers(c, 1, "axes"));
    const Type& in = c.in(0);
    RLX_TRY(const Vec<int> axes,
            checked_axes(c, *given, in.rank() + static_cast<int>(given->size())));
    return view_types(c, interleave(axes, Vec<Dim>(axes.size(), Dim(1)), in.shape));
  }

  static Status lower(const Unsqueeze&, KernelBuilder& b) { return lower_reshape(b); }
};
RLX_OP(Unsqueeze);

}  // namespace rlx::ops
