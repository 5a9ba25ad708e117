// Which row of the menu each kernel takes: those whose costs, and the copies that their needs make, are least.
//
// Every kernel begins with its cheapest row; then kernels change rows, one after the other, as long as that
// makes the whole cheaper. A copy is made of a value for each storage that a reader needs and that the value
// does not have (plan/layout.h says which it has); it costs what the menu says of such a kernel.
#pragma once
#include "plan/likely.h"
#include "plan/unit.h"
#include "target/menu.h"

namespace rlx {

// A row a unit. Errors of the menu are told for all units.
Result<Vec<Alternative>> choose(const Vec<Unit>& units, const Graph& g, const Target& target,
                                Menu menu, const LikelyDims& likely = {},
                                const Vec<State>& states = {});

// The rows that take what is there, whatever they cost.
Result<Vec<Alternative>> choose_undemanding(const Vec<Unit>& units, const Target& target,
                                            Menu menu);

}  // namespace rlx
