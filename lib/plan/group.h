// Which kernels become one: greedy fusion of readers into the latest of their writers.
//
// Taking the latest writer last keeps the other operands ready (a residual add joins the second of its two
// convolutions). A merge that would make a cycle through a third kernel is refused.
#pragma once
#include "lir/lir.h"
#include "plan/unit.h"

namespace rlx {

// One kernel a node, in graph order, copies folded away (plan/copies.h) if `views`. The base of decide and
// replay.
Result<Vec<Unit>> units_of(const Graph& g, bool views);

struct Groups {
  Vec<Unit> units;
  // What was merged, in order: all that replaying needs.
  Vec<Fusion> fusions;
  // A line for each two neighbours that stay apart, and why.
  Vec<std::string> refusals;
};

Groups decide_groups(Vec<Unit> units, const Graph& g, bool fusion);

// Fuses as an earlier decision says.
Result<Vec<Unit>> replay_groups(Vec<Unit> units, const Graph& g, const Vec<Fusion>& fusions);

}  // namespace rlx
