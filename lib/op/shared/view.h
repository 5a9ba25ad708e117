// Operators that give their input's elements in another place, unchanged.
#pragma once
#include "op/shared/access.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/known.h"

namespace rlx {

// One output of the input's element type; known elements stay known under a shape of rank 0 or 1.
Result<Types> view_types(InferCtx& c, Vec<Dim> shape);
// The output is the input under another shape.
Status lower_reshape(KernelBuilder& b);

// The output's element is input 0 at index(at).
template <class F>
Status lower_view(KernelBuilder& b, F index) {
  const Vec<Dim> at = b.grid(b.out().shape);
  StageBuilder s = b.map();
  s.store(b.output(), at, s.load(b.input(0), index(at)));
  return {};
}

}  // namespace rlx
