// What a body's integers can be, as their types and a few functions tell. LLVM-free.
#pragma once
#include "kernel/expr.h"

namespace rlx::backend {

struct IntRange {
  int64_t lo = 0, hi = 0;
};

// The range of a node of type i32.
IntRange int_range(const Body& body, ExprId id);
// Whether all of the range are numbers of the type.
bool fits(const IntRange& r, DType integer);

}  // namespace rlx::backend
