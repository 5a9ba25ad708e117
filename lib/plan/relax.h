// Which products may be computed by rows of the menu that are not exact: all where the option "math" is
// "fast" or "precision" is "bf16", but for those that an extent or an index is computed from (ir/index_sources.h).
//
// It is said of each stage before anything is merged. The kernels' texts say it, so that the menu, the replay of
// a stored plan and the backend's check find the same rows, and a plan that was made without the option has none.
#pragma once
#include "plan/unit.h"

namespace rlx {

void relax_products(Vec<Unit>& units, const Graph& g);

}  // namespace rlx
