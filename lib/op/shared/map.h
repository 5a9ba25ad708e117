// What elementwise operators share, those of the table (op/elementwise.h) and those with
// attributes.
#pragma once
#include "op/shared/access.h"
#include "op/shared/known.h"

namespace rlx {

// All inputs broadcast to the one output and have its type, or the output is bool. Where `fold` is
// given, known elements stay known.
Result<Types> infer_map(InferCtx& c, bool predicate = false, FoldDims fold = nullptr);
// Refuses inputs of different element types.
Status require_same_dtype(const InferCtx& c, int first = 0);
// The shape that all inputs from `first` on broadcast to.
Result<Vec<Dim>> broadcast_inputs(InferCtx& c, int first = 0);

// All inputs at the same place of the output, left-out ones skipped.
Vec<Ex> read_all(KernelBuilder& b, StageBuilder& s, const Vec<Dim>& at);

// y = value(x) for an operator of one input.
template <class F>
Status lower_unary(KernelBuilder& b, F value) {
  return lower_map(
      b, [&](StageBuilder& s, const Vec<Dim>& at) { return value(load_broadcast(b, s, 0, at)); });
}

}  // namespace rlx
