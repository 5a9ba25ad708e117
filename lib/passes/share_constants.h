// Makes constants of equal bytes, type and shape one value. Exporters write the same scalar once a
// layer and tied weights twice; eliminate_common tells operands apart by their value, so that it sees
// equal nodes only where equal constants are one. Constants that differ in type or shape alone stay
// apart: sharing their bytes is the store's affair.
#pragma once
#include "ir/graph.h"

namespace rlx {

// Constants without a use are left to eliminate_dead.
Status share_constants(Graph& g);

}  // namespace rlx
