// What a body's floats can be, as far as its own clamps tell. LLVM-free.
#pragma once
#include "kernel/expr.h"

namespace rlx::backend {

// NaN aside.
struct FloatRange {
  double lo = 0, hi = 0;
};

// The range of a node of type f32 or f64; infinite where nothing is known.
FloatRange float_range(const Body& body, ExprId id);
// Whether all floats of the range, truncated, are numbers of the integer type.
bool fits(const FloatRange& r, DType integer);

}  // namespace rlx::backend
