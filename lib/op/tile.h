// A tensor repeated along its axes.
#pragma once
#include "op/op.h"
#include "op/shared/formula.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, repeats (known, one an axis).
struct Tile {
  static constexpr std::string_view name = "tile";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

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

  // The sum over all repeats.
  static Result<Values> grad(const Tile&, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Vec<Dim> shape = f(in.inputs[0]).shape();
    const Vec<Dim> repeats = *b.known(in.inputs[1]);
    Vec<Dim> apart;
    Vec<int> axes;
    for (size_t i = 0; i < shape.size(); ++i) {
      axes.push_back(static_cast<int>(apart.size()));
      apart.insert(apart.end(), {repeats[i], shape[i]});
    }
    const Wire outer = reshape(f(in.outer[0]), apart);
    return f.values({reshape(sum(outer, axes), shape), f.none()});
  }

  static Result<Values> batch(const Tile&, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    Vec<Dim> repeats = *b.known(in.inputs[1]);
    repeats.insert(repeats.begin(), Dim(1));
    return f.values({f.make("tile", {f(in.inputs[0]), f.integers(std::move(repeats))})});
  }
};
RLX_OP(Tile);

}  // namespace rlx::ops
