// A matrix of a tensor: the axes before `axis` become rows, the others columns.
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

struct Flatten {
  static constexpr std::string_view name = "flatten";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool view = true;
  static constexpr bool reshapes = true;

  int64_t axis = 1;

  static Result<Types> infer(const Flatten& o, InferCtx& c) {
    const Vec<Dim>& shape = c.in(0).shape;
    const int rank = c.in(0).rank();
    // The axis may be one past the last, then there is one column.
    int split = rank;
    if (o.axis != rank) {
      RLX_TRY(split, checked_axis(c, o.axis, rank));
    }
    return view_types(c, {product(Vec<Dim>(shape.begin(), shape.begin() + split)),
                          product(Vec<Dim>(shape.begin() + split, shape.end()))});
  }

  static Status lower(const Flatten&, KernelBuilder& b) { return lower_reshape(b); }
};
RLX_OP(Flatten);

}  // namespace rlx::ops
