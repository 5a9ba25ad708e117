// Types and shapes of all values, and the shape arithmetic of the model solved.
//
// Models compute shapes: Shape, Gather, Concat, Reshape. Operators tell the elements of such values
// as expressions over the model's symbols; here they take the nodes' place, as constants or Dims,
// so that nothing of it runs and every later pass sees the extents. Small constants are computed on
// the way, since exporters also go through floats. An If whose condition is known becomes the branch that it takes:
// what stands in the other one may well be wrong for this condition. Inference goes on after an error: all that is
// wrong with a model is told at once.
#pragma once
#include "ir/graph.h"

namespace rlx {

// The error holds a diagnostic for each node that does not fit its inputs or that rlx cannot do.
Status infer_types(Graph& g);

}  // namespace rlx
