// Reshapes as index arithmetic.
#pragma once
#include "ir/dim.h"

namespace rlx {

// Where the element `at` of a tensor of shape `out` lies in a tensor of shape `in` that has the
// same elements in the same order. Axes whose products match are mapped group by group, so that
// [batch, seq, 768] seen as [batch, seq, 12, 64] is read at (b, s, h * 64 + d) and the reverse at
// (b, s, c floordiv 64, c mod 64), never through one linear index over the whole tensor.
Vec<Dim> reshape_index(const Vec<Dim>& in, const Vec<Dim>& out, const Vec<Dim>& at,
                       const RangeOf& range);

}  // namespace rlx
