// Where an affine map takes the places of an image's elements: what grid_sample samples at.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/places.h"

namespace rlx::ops {

// Inputs: theta [n, 2, 3], or [n, 3, 4] for volumes; the image's shape (known). The output's last axis is x, y (, z), each
// from -1 to 1 over the image.
struct AffineGrid {
  static constexpr std::string_view name = "affine_grid";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kFloats;

  // -1 and 1 are the middles of the elements at the ends, else their edges.
  int64_t align_corners = 0;

  static Result<Types> infer(const AffineGrid&, InferCtx& c) {
    const Type& theta = c.in(0);
    RLX_TRY(const Vec<Dim> size, known_extents(c, 1, "the image's shape"));
    const auto axes = static_cast<int64_t>(size.size()) - 2;
    if (axes != 2 && axes != 3) return c.error(kBadInput, "the image's shape has not 4 or 5 axes");
    if (theta.rank() != 3) return c.error(kBadInput, "theta is not [n, rows, columns]");
    RLX_TRY_VOID(c.require_equal(theta.shape[0], size[0]));
    RLX_TRY_VOID(c.require_equal(theta.shape[1], axes));
    RLX_TRY_VOID(c.require_equal(theta.shape[2], axes + 1));
    Vec<Dim> shape{size[0]};
    shape.insert(shape.end(), size.begin() + 2, size.end());
    shape.emplace_back(axes);
    return Types{Type::tensor(theta.dtype, std::move(shape))};
  }

  static Result<Values> expand(const AffineGrid& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire given = f(block.inputs[0]);
    const Wire theta = cast(given, compute_type(given.dtype()));
    const Vec<Dim> shape = f(block.outputs[0]).shape();
    const auto axes = static_cast<int>(shape.size()) - 2;
    // Of axis i of the image: [n, 1, ..., axes].
    const auto column = [&](int i) {
      Vec<Dim> thin(shape.size(), Dim(1));
      thin.front() = shape.front(), thin.back() = shape.back();
      return reshape(slice(theta, 2, i, i + 1), thin);
    };
    Wire y = column(axes);
    for (int i = 0; i < axes; ++i) {
      const Wire factor = column(i);
      // x goes along the last axis of the image.
      y = y + factor * places(f, o, theta.dtype(), shape, static_cast<size_t>(axes - i));
    }
    return f.values({cast(y, given.dtype())});
  }

 private:
  // Along that axis of the output.
  static Wire places(Formula& f, const AffineGrid& o, DType type, const Vec<Dim>& shape,
                     size_t axis) {
    const Dim extent = shape[axis];
    const Wire i = cast(counted(f, extent), type);
    const bool align = o.align_corners != 0;
    const Wire doubled = align ? i * 2.0 : i * 2.0 + 1.0;
    const Wire width = f.number(type, align ? max(extent - 1, 1) : extent);
    Vec<Dim> along(shape.size(), Dim(1));
    along[axis] = extent;
    return reshape(doubled / width + -1.0, along);
  }
};
RLX_OP(AffineGrid);

}  // namespace rlx::ops
