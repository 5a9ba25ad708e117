// Kernels over rows: the grid is every axis but the given ones, a row is the elements along these.
#pragma once
#include "op/shared/access.h"
#include "op/shared/axes.h"

namespace rlx {

class Rows {
 public:
  // Of input 0 along `axes`, which are sorted.
  Rows(KernelBuilder& b, Vec<int> axes)
      : axes_(std::move(axes)),
        extents_(select_axes(b.in(0).shape, axes_)),
        grid_(b.grid(without_axes(b.in(0).shape, axes_))) {}

  const Vec<Dim>& extents() const { return extents_; }
  Dim length() const { return product(extents_); }
  // The element of the row at the stage's loops, in a tensor shaped as input 0.
  Vec<Dim> at(const StageBuilder& s) const { return at(s.loops()); }
  // That at these places along its axes.
  Vec<Dim> at(const Vec<Dim>& places) const { return interleave(axes_, places, grid_); }
  // The row itself in a tensor where its axes are gone, or have extent 1.
  Vec<Dim> row(bool keep_axes) const {
    return keep_axes ? interleave(axes_, Vec<Dim>(axes_.size(), Dim(0)), grid_) : grid_;
  }

 private:
  Vec<int> axes_;
  Vec<Dim> extents_;
  Vec<Dim> grid_;
};

// Rows along an axis of input 0 become rows of its type.
inline Result<Types> infer_rows(const InferCtx& c, int64_t axis) {
  RLX_TRY_VOID(checked_axis(c, axis, c.in(0).rank()));
  return Types{c.in(0)};
}

// Sum, maximum, ... of the stage's values: one accumulator that starts as init.
template <class F>
Ex accumulate(StageBuilder& s, const Scalar& init, F next) {
  const int i = s.add_accumulator(init.dtype, init);
  s.set_combine(i, next(s.acc(i)));
  return s.acc(i);
}

inline Ex sum(StageBuilder& s, Ex value) {
  return accumulate(s, Scalar::of(value.type(), 0), [&](Ex acc) { return acc + value; });
}

inline Ex maximum(StageBuilder& s, Ex value) {
  return accumulate(s, lowest(value.type()), [&](Ex acc) { return apply(Fn::kMax, acc, value); });
}

}  // namespace rlx
