#include "op/shared/reduction_hooks.h"

#include "op/shared/batching.h"
#include "op/shared/reduced.h"

namespace rlx {
namespace {

Wire is_zero(Wire x) { return x.formula->make("equal", {x, x.formula->number(x.dtype(), 0.0)}); }

// The slope, with y and what comes from its side in the shape that keeps all axes; none: 1.
Wire slope_at(SlopeOf slope, Wire x, Wire y, const Vec<int>& axes) {
  if (!slope) return x.formula->none();
  return slope(x, reshape(y, reduced_shape(x.shape(), axes, true)), axes);
}

}  // namespace

Result<Values> grad_of_reduction(GraphBuilder& g, const GradIn& in, const Vec<int>& axes,
                                 SlopeOf slope) {
  Formula f(g);
  const Wire x = f(in.inputs[0]);
  const Wire s = slope_at(slope, x, f(in.outputs[0]), axes);
  const Wire outer = reshape(f(in.outer[0]), reduced_shape(x.shape(), axes, true));
  Vec<Wire> grads(in.inputs.size(), f.none());
  grads[0] = expand(s.valid() ? outer * s : outer, x.shape());
  return f.values(grads);
}

Result<Values> jvp_of_reduction(GraphBuilder& g, const JvpIn& in, const Vec<int>& axes,
                                SlopeOf slope) {
  Formula f(g);
  const Wire x = f(in.inputs[0]);
  const Wire s = slope_at(slope, x, f(in.outputs[0]), axes);
  const Wire tangent = f(in.tangents[0]);
  const Wire total = sum(s.valid() ? tangent * s : tangent, axes);
  return f.values({reshape(total, f(in.outputs[0]).shape())});
}

Result<Values> batch_of_reduction(GraphBuilder& g, const BatchIn& in, const Attrs& attrs,
                                  Vec<int> axes) {
  Formula f(g);
  const Wire x = f(in.inputs[0]);
  // Over no axes a function of each element: none is named, as in the node.
  if (axes.empty()) {
    Vec<Wire> inputs = {x};
    if (in.inputs.size() > 1) inputs.push_back(f(in.inputs[1]));
    return f.values({f.make(attrs, inputs)});
  }
  for (int& axis : axes) ++axis;
  return f.values({f.make(attrs, {x, f.integers(axes)})});
}

// ---- Slopes -----------------------------------------------------------------------------------

Wire slope_of_l1(Wire x, Wire, const Vec<int>&) { return x.formula->make("sign", {x}); }

// 0 where all of it is.
Wire slope_of_l2(Wire x, Wire y, const Vec<int>&) {
  const Wire zero = x.formula->number(x.dtype(), 0.0);
  const Wire share = x / y;
  return x.formula->make("where", {is_zero(y), zero, share});
}

Wire slope_of_log_sum(Wire, Wire y, const Vec<int>&) { return 1.0 / y.formula->make("exp", {y}); }

Wire slope_of_log_sum_exp(Wire x, Wire y, const Vec<int>&) {
  return x.formula->make("exp", {x - y});
}

Wire slope_of_mean(Wire x, Wire, const Vec<int>& axes) {
  return 1.0 / x.formula->number(x.dtype(), product(select_axes(x.shape(), axes)));
}

// The product of the others: of all that are not zero, over the element; 0 where another one is zero.
Wire slope_of_product(Wire x, Wire, const Vec<int>& axes) {
  Formula& f = *x.formula;
  const Wire zero = is_zero(x);
  const Wire factors = f.make("where", {zero, f.number(x.dtype(), 1.0), x});
  const Wire others = reduce("reduce_prod", factors, axes) / factors;
  const Wire own = cast(zero, x.dtype());
  const Wire zeros = sum(own, axes) - own;
  return f.make("where", {is_zero(zeros), others, f.number(x.dtype(), 0.0)});
}

Wire slope_of_best(Wire x, Wire y, const Vec<int>& axes) {
  const Wire best = cast(x.formula->make("equal", {x, y}), x.dtype());
  return best / sum(best, axes);
}

Wire slope_of_sum_square(Wire x, Wire, const Vec<int>&) { return x * 2; }

}  // namespace rlx
