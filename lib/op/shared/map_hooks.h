// The hooks of elementwise operators and of those that only reshape, which follow from what these do: no
// operator says them. A derivative is made of other rows of the table, so that it is differentiated, batched,
// folded and fused like any graph: the expression that `lower` writes is differentiated by the functions of
// kernel/functions.def, and each function of the result is the operator of its name.
#pragma once
#include "ir/hooks.h"

namespace rlx {

// Of nodes whose operator is `elementwise`.
Result<Values> grad_of_map(GraphBuilder& g, const GradIn& in);
Result<Values> jvp_of_map(GraphBuilder& g, const JvpIn& in);
Result<Values> batch_of_map(GraphBuilder& g, const BatchIn& in);

// Of nodes whose operator `reshapes`.
Result<Values> grad_of_reshape(GraphBuilder& g, const GradIn& in);
Result<Values> batch_of_reshape(GraphBuilder& g, const BatchIn& in);

// Of nodes that are linear in their first input and have no other of floats: the same of the tangent.
Result<Values> jvp_of_linear(GraphBuilder& g, const JvpIn& in);
// Of nodes whose outputs do not change with their inputs but at steps.
Result<Values> grad_of_steps(const GradIn& in);

}  // namespace rlx
