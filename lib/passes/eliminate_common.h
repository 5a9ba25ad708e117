// Computes once what is computed twice: pure nodes of one region with the same operator, attributes
// and inputs become one, which then stands for the source nodes of both. Exporters repeat masks and
// positions in every layer.
#pragma once
#include "ir/graph.h"

namespace rlx {

Status eliminate_common(Graph& g);

}  // namespace rlx
