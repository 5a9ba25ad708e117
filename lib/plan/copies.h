// Makes copies disappear: reshape, transpose, slice, expand, squeeze become indexes.
//
// Each of these lowers to maps of a single load (split to several), so it is an access with another index. A
// copy o of t is
// removed either in o's readers, which then read t at the composed index, or in t's writer, which then
// writes o at the inverted index. Readers are preferred where their index stays affine; the writer takes the
// copy where a reader's would not (attention's context, [b, h, s, d] read as [b, s, h * 64 + d] by a
// contraction over h * 64 + d), if it is t's only writer and the copy t's only reader. A copy that neither
// can take (a graph output, a reader with a structure of its own) stays a kernel.
//
// The outcome is a function of the units alone: replaying a LIR gives the same kernels.
#pragma once
#include "plan/unit.h"

namespace rlx {

// Removes the copies' units; units stay in order.
Vec<Unit> fold_copies(Vec<Unit> units, const Graph& g);

// Solves index[i](loops) = axis_i for the loops: how each loop depends on the axes. Extents of the loops are
// known to `range`. nullopt where the map is not one-to-one or not understood. Exposed for tests.
std::optional<LoopMap> invert(const Vec<Dim>& index, const Vec<Dim>& axes, const Vec<Loop>& loops,
                              const RangeOf& range);

}  // namespace rlx
