// A tensor repeated along its axes.
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, repeats (known, one an axis).
struct Tile {
  static constexpr std::string_view name = "tile";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<Types> infer(const Tile&, InferCtx& c) {
    RLX_TRY(Vec<Dim> repeats, known_extents(c, 1, "repeats"));
    Vec<Dim> shape = c.in(0).shape;
    if (repeats.size() != shape.size()) {
      return c.error(kBadInput, "repeats is not one number an axis");
    }
    for (size_t axis = 0; axis < shape.size(); ++axis) shape[axis] = shape[axis] * repeats[axis];
    return Types{Type::tensor(c.in(0).dtype, std::move(shape))};
  }

  static Status lower(const Tile&, KernelBuilder& b) {
    const Vec<Dim>& in = b.in(0).shape;
    return lower_view(b, [&](Vec<Dim> at) {
      for (size_t axis = 0; axis < at.size(); ++axis) {
        if (in[axis] != b.out().shape[axis]) at[axis] = mod(at[axis], in[axis]);
      }
      return at;
    });
  }
};
RLX_OP(Tile);

}  // namespace rlx::ops
