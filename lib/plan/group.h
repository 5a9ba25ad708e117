// Which kernels become one: candidates, weighed by what the menu says that their kernels cost.
//
// A candidate is two kernels of which one reads what the other writes. It waits in a queue with the most that
// it may gain, is priced when its turn comes, and is done where the merged kernel costs less than the two: so
// the greatest gain comes first, and what would push a product off its register tile is not done. A merge
// changes what its neighbours may gain; these wait anew. One that would make a cycle through a third kernel
// is refused.
#pragma once
#include "lir/lir.h"
#include "plan/report.h"
#include "plan/unit.h"

namespace rlx {

// One kernel a node of the region, in graph order, copies folded away (plan/copies.h) if `views`; a node that owns
// regions is a unit of its own. The base of decide and replay.
Result<Vec<Unit>> units_of(const Graph& g, RegionId region, bool views);

// What a kernel costs as its best algorithm runs it; Cost::most() where none does.
using Price = std::function<Cost(const Kernel&)>;

struct Groups {
  Vec<Unit> units;
  // What was merged, in order: all that replaying needs.
  Vec<Fusion> fusions;
  PlanReport report;
};

Groups decide_groups(Vec<Unit> units, const Graph& g, const Price& price);

// Fuses as an earlier decision says.
Result<Vec<Unit>> replay_groups(Vec<Unit> units, const Graph& g, const Vec<Fusion>& fusions);

}  // namespace rlx
