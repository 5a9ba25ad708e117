// The hooks of reductions, which all are sums of slopes.
#pragma once
#include "op/shared/formula.h"

namespace rlx {

// What a reduction's result y changes by with each element of x, both with all axes: of x's shape, or one that
// broadcasts to it.
using SlopeOf = Wire (*)(Wire x, Wire y, const Vec<int>& axes);

// Gradient and tangent of a reduction over `axes`; null: the slope is 1.
Result<Values> grad_of_reduction(GraphBuilder& g, const GradIn& in, const Vec<int>& axes,
                                 SlopeOf slope);
Result<Values> jvp_of_reduction(GraphBuilder& g, const JvpIn& in, const Vec<int>& axes,
                                SlopeOf slope);
// `attrs` with axes as input 1.
Result<Values> batch_of_reduction(GraphBuilder& g, const BatchIn& in, const Attrs& attrs,
                                  Vec<int> axes);

Wire slope_of_l1(Wire x, Wire y, const Vec<int>& axes);
Wire slope_of_l2(Wire x, Wire y, const Vec<int>& axes);
Wire slope_of_log_sum(Wire x, Wire y, const Vec<int>& axes);
Wire slope_of_log_sum_exp(Wire x, Wire y, const Vec<int>& axes);
Wire slope_of_mean(Wire x, Wire y, const Vec<int>& axes);
Wire slope_of_product(Wire x, Wire y, const Vec<int>& axes);
// Shared out among equal ones.
Wire slope_of_best(Wire x, Wire y, const Vec<int>& axes);
Wire slope_of_sum_square(Wire x, Wire y, const Vec<int>& axes);

}  // namespace rlx
