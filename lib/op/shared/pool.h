// What poolings share.
#pragma once
#include "op/shared/rows.h"
#include "op/shared/window.h"

namespace rlx {

inline Result<Types> infer_pool(const InferCtx& c, const WindowAttributes& attributes) {
  RLX_TRY(const Window window, window_of(c, attributes));
  const Type& x = c.in(0);
  Vec<Dim> shape = window.out();
  shape.insert(shape.begin(), {x.shape[0], x.shape[1]});
  return Types{Type::tensor(x.dtype, std::move(shape))};
}

// The element under the stage's loops of the window at `at`; `fill` in the padding.
inline Ex read_window(KernelBuilder& b, StageBuilder& s, const Window& window, const Vec<Dim>& at,
                      const Scalar& fill) {
  Vec<Dim> index = window.position({at.begin() + 2, at.end()}, s.loops());
  index.insert(index.begin(), {at[0], at[1]});
  Vec<Bounds> bounds = window.bounds(fill);
  bounds.insert(bounds.begin(), 2, Bounds{});
  return s.load(b.input(0), index, std::move(bounds));
}

// Poolings over all of the spatial axes.
inline Result<Types> infer_global_pool(const InferCtx& c) {
  const Type& x = c.in(0);
  if (x.rank() < 3) return c.error(kBadInput, "the input has no spatial axes");
  Vec<Dim> shape(x.shape.size(), Dim(1));
  shape[0] = x.shape[0];
  shape[1] = x.shape[1];
  return Types{Type::tensor(x.dtype, std::move(shape))};
}

}  // namespace rlx
