#include "op/shared/scattered.h"

#include "op/scatter_elements.h"

namespace rlx {

Wire scattered(Wire indices, Wire updates, const Vec<Dim>& shape, int axis) {
  Formula& f = *updates.formula;
  // Floats of 16 bits are added up in f32, and rounded once.
  const DType type = compute_type(updates.dtype());
  const Wire zeros = f.full(type, shape, 0);
  const Wire values = cast(updates, type);
  const ops::ScatterElements o{.axis = axis, .reduction = "add"};
  return cast(f.make(attrs(o), {zeros, indices, values}), updates.dtype());
}

}  // namespace rlx
