// A short convolution along a sequence, of each channel by itself, that looks at no later element: what layers of linear
// attention have in front.
#pragma once
#include "op/concat.h"
#include "op/conv.h"
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"
#include "op/shared/projection.h"

namespace rlx::ops {

// Inputs: x[batch, sequence, channels], w[channels, kernel], and optionally bias[channels] and the elements before x,
// state[batch, kernel - 1, channels], which are zeros where it is left out. The last element of w is that of the same
// place. Outputs: y, as x, and optionally what is the state of the elements after x.
struct CausalConv1d {
  static constexpr std::string_view name = "causal_conv1d";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 2, .out = 2};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool own = true;

  // One of op/shared/projection.h.
  std::string activation = "none";

  static Result<Types> infer(const CausalConv1d& o, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c));
    RLX_TRY_VOID(check_activation(c, o.activation));
    const Type& x = c.in(0);
    const Type& w = c.in(1);
    if (x.rank() != 3) return c.error(kBadInput, "x is not [batch, sequence, channels]");
    if (w.rank() != 2) return c.error(kBadInput, "w is not [channels, kernel]");
    if (!w.shape[0].constant() || !w.shape[1].constant()) {
      return c.error(kMustBeKnown, "the extents of w are not known");
    }
    if (*w.shape[1].constant() < 1) return c.error(kBadInput, "w has no elements");
    RLX_TRY_VOID(c.require_equal(x.shape[2], w.shape[0]));
    RLX_TRY_VOID(check_bias(c, 2, x.dtype, w.shape[0]));
    Type state = x;
    state.shape[1] = w.shape[1] - 1;
    RLX_TRY_VOID(check_state(c, state));
    return Types{x, state};
  }

  static Result<Values> expand(const CausalConv1d& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f.input(block, 0), w = f.input(block, 1), before = f.input(block, 3);
    const Dim kernel = w.shape()[1], length = x.shape()[1];
    const Wire all = before.valid() ? f.make(attrs(Concat{.axis = 1}), {before, x})
                                    : pad(x, {0, kernel - 1, 0}, {0, 0, 0});
    const Wire images = transpose(all, {0, 2, 1});
    const Wire filters = reshape(w, {w.shape()[0], 1, kernel});
    const Conv conv{.group = *w.shape()[0].constant()};
    const Wire sums = f.make(attrs(conv), {images, filters, f.input(block, 2)});
    Vec<Wire> outputs = {activated(transpose(sums, {0, 2, 1}), o.activation)};
    if (block.outputs.size() > 1) outputs.push_back(slice(all, 1, length, length + kernel - 1));
    return f.values(outputs);
  }

 private:
  static Status check_state(InferCtx& c, const Type& wanted) {
    if (!c.has(3)) return {};
    const Type& state = c.in(3);
    if (state.rank() != 3) return c.error(kBadInput, "state is not [batch, kernel - 1, channels]");
    for (size_t i = 0; i < 3; ++i) RLX_TRY_VOID(c.require_equal(state.shape[i], wanted.shape[i]));
    return {};
  }
};
RLX_OP(CausalConv1d);

}  // namespace rlx::ops
