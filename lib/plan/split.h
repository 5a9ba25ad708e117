// A sum over much with few results, as two kernels that threads share.
//
// Where a kernel begins with a sum or reduction in several runs (Order in kernel/kernel.h), the runs are work that
// depends on nothing else. The first kernel has a grid loop more, over the runs, and writes their accumulators to
// memory; the second merges them, in their order, and does all that follows: the same bits as in one kernel.
//
// Whether it is done is what the menu says that it costs, from extents and the target alone. It is not done for
// sums that come later in a kernel, which other stages go before, nor where the number of runs is open.
#pragma once
#include "lir/lir.h"
#include "plan/group.h"

namespace rlx {

struct Halves {
  Kernel runs, merged;
};

// The kernel in two; `accumulators`: the values between them, one an accumulator. nullopt where it has no runs.
std::optional<Halves> halves_of(const Kernel& k, const Vec<ValueId>& accumulators);

// What the kernel costs as one or as two, whichever is less; `price` is of one.
Cost least_cost(const Kernel& k, const Price& price);

// Splits the units that cost less so. The values between the two are new ones of g: what stands in a node of it
// stays as it is.
Vec<Split> split_units(Vec<Unit>& units, Graph& g, const Price& price, PlanReport& report);

// Splits as an earlier decision says.
Result<Vec<Unit>> replay_splits(Vec<Unit> units, const Vec<Split>& splits);

}  // namespace rlx
