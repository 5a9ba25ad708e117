// Shape arithmetic: what integer operators make of elements that are known expressions. Each gives
// nullopt where the result is no expression of its operands, whatever the symbols are.
#pragma once
#include <span>

#include "ir/infer_ctx.h"

namespace rlx {

using KnownDim = std::optional<Dim>;
// An operator's rule for one element.
using FoldDims = KnownDim (*)(std::span<const Dim> operands, const RangeOf& range);

KnownDim fold_add(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_sub(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_mul(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_div(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_min(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_max(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_neg(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_abs(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_identity(std::span<const Dim> x, const RangeOf& range);
// Truths are 0 and 1.
KnownDim fold_equal(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_less(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_less_or_equal(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_greater(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_greater_or_equal(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_and(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_or(std::span<const Dim> x, const RangeOf& range);
KnownDim fold_not(std::span<const Dim> x, const RangeOf& range);
// condition, then, else
KnownDim fold_where(std::span<const Dim> x, const RangeOf& range);

// Longer vectors are data, not shapes.
inline constexpr size_t kMostKnown = 64;

// Tells the elements of the one output of rank 0 or 1 by the rule, where all inputs are known.
void tell_known(InferCtx& c, const Type& out, FoldDims fold);
// Tells output i to have the given elements, where their number fits its rank and is not too large.
void tell(InferCtx& c, const Type& out, Vec<Dim> elements, int output = 0);

}  // namespace rlx
