// Removes what no output needs: nodes whose results nobody uses and that do nothing else,
// constants, captures, symbols that only the run tells. The passes before leave such nodes behind on purpose, so that none of them
// has to care.
#pragma once
#include "ir/graph.h"

namespace rlx {

// Ids change: they are dense afterwards and in the order of the text form.
Status eliminate_dead(Graph& g);

}  // namespace rlx
