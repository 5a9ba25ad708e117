// A mixture of experts: of each row a router picks top_k, whose feed-forward networks are summed up by their shares.
// All experts compute all rows and what was not picked counts for nothing, so that no weights are copied by row.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"
#include "op/shared/projection.h"
#include "op/softmax.h"
#include "op/top_k.h"

namespace rlx::ops {

// Inputs: x[..., in], router_w[in, experts], up_w[experts, in, hidden], gate_w[experts, in, hidden],
// down_w[experts, hidden, in]; with trans_w each has its last two axes the other way round. Of equal shares the expert
// that comes first is picked.
struct Moe {
  static constexpr std::string_view name = "moe";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 5};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool own = true;

  // How many are picked; there is no default.
  int64_t top_k = 0;
  // One of op/shared/projection.h.
  std::string activation = "silu";
  // Whether the shares of those that were picked add up to 1; else they are what softmax gave them among all.
  int64_t normalise = 1;
  int64_t trans_w = 0;

  static Result<Types> infer(const Moe& o, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c));
    RLX_TRY_VOID(check_activation(c, o.activation));
    const Type& x = c.in(0);
    if (x.rank() == 0) return c.error(kBadInput, "x is a scalar");
    const Dim& in = x.shape.back();
    const bool transposed = o.trans_w != 0;
    RLX_TRY(const Dim experts, infer_projection(c, 1, in, {.transposed = transposed}));
    if (!experts.constant()) return c.error(kMustBeKnown, "the number of experts is not known");
    if (o.top_k < 1 || o.top_k > *experts.constant()) {
      return c.error(kBadAttribute, "top_k is " + std::to_string(o.top_k),
                     "it is at least 1 and at most the number of experts");
    }
    RLX_TRY_VOID(check_gated(c, 2, in, {.transposed = transposed, .by_expert = true}));
    for (int i = 2; i < 5; ++i) RLX_TRY_VOID(c.require_equal(c.in(i).shape[0], experts));
    return Types{x};
  }

  static Result<Values> expand(const Moe& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]);
    const Vec<Dim> shape = x.shape();
    const Dim width = shape.back();
    const Dim count = product(Vec<Dim>(shape.begin(), shape.end() - 1));
    const Wire rows = reshape(x, {count, width});
    const Shares shares = picked(o, projected(rows, f(block.inputs[1]), o.trans_w != 0));
    const GatedWeights weights{f(block.inputs[2]), f(block.inputs[3]), f(block.inputs[4]),
                               o.trans_w != 0};
    const Wire all = gated(reshape(rows, {1, count, width}), weights, o.activation);
    // What nobody asked for may be infinite.
    const Wire counted = f.make("where", {by_expert(shares.is_picked), all * by_expert(shares.of),
                                          f.number(all.dtype(), 0.0)});
    return f.values({reshape(sum(counted, {0}), shape)});
  }

 private:
  // Of each row and expert.
  struct Shares {
    Wire of, is_picked;
  };

  static Shares picked(const Moe& o, Wire logits) {
    Formula& f = *logits.formula;
    const Vec<Dim> shape = logits.shape();
    const Wire all = f.make(attrs(Softmax{.axis = 1}), {logits});
    const Wire count = f.integers(Vec<Dim>{o.top_k});
    const Vec<Wire> best = f.make_all(attrs(TopK{.axis = 1}), {all, count}, 2);
    Wire share = best[0];
    if (o.normalise != 0) share = share / sum(share, {1});
    // [rows, top_k, experts]: which expert each place went to.
    Vec<Dim> numbers;
    for (int64_t e = 0; e < *shape[1].constant(); ++e) numbers.emplace_back(e);
    const Wire place = reshape(best[1], {shape[0], o.top_k, 1});
    const Wire is_it = f.make("equal", {place, f.integers(numbers)});
    const Wire nothing = f.number(share.dtype(), 0.0);
    const Wire by_place = reshape(share, {shape[0], o.top_k, 1});
    const Wire spread_out = f.make("where", {is_it, by_place, nothing});
    const Wire times = sum(cast(is_it, DType::kI32), {1});
    const Wire is_picked = f.make("greater", {times, f.number(DType::kI32, 0.0)});
    return {reshape(sum(spread_out, {1}), shape), reshape(is_picked, shape)};
  }

  // [rows, experts] as [experts, rows, 1].
  static Wire by_expert(Wire x) {
    const Wire turned = transpose(x, {1, 0});
    return reshape(turned, {x.shape()[1], x.shape()[0], 1});
  }
};
RLX_OP(Moe);

}  // namespace rlx::ops
