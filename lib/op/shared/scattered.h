// Gradients of what picks elements.
#pragma once
#include "op/shared/formula.h"

namespace rlx {

// Zeros of that shape with the elements of `updates` added at the indices along the axis; both have as many
// axes, and the extents of `shape` along the others.
Wire scattered(Wire indices, Wire updates, const Vec<Dim>& shape, int axis);

}  // namespace rlx
