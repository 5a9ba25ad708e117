// The determinants of square matrices, by elimination: each step takes the row with the greatest element of a column.
#pragma once
#include "op/arg_max.h"
#include "op/gather.h"
#include "op/gather_nd.h"
#include "op/loop.h"
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/places.h"

namespace rlx::ops {

struct Det {
  static constexpr std::string_view name = "det";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;

  static Result<Types> infer(const Det&, InferCtx& c) {
    const Type& x = c.in(0);
    if (x.rank() < 2) return c.error(kBadInput, "the input is no matrix");
    const Dim& rows = x.shape[x.shape.size() - 2];
    RLX_TRY_VOID(c.require_equal(rows, x.shape.back()));
    RLX_TRY_VOID(c.require_at_most(1, rows));
    return Types{Type::tensor(x.dtype, {x.shape.begin(), x.shape.end() - 2})};
  }

  static Result<Values> expand(const Det&, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]);
    const Vec<Dim> shape = x.shape(), outer(shape.begin(), shape.end() - 2);
    const Dim batch = product(outer), n = shape.back();
    const DType compute = compute_type(x.dtype());
    const Wire matrices = reshape(cast(x, compute), {batch, n, n});
    const Wire ones = f.full(compute, {batch, 1}, 1);
    const Wire yes = f.number(DType::kBool, 1.0);
    RLX_TRY(const Values inputs, f.values({f.number(DType::kI64, n), yes, matrices, ones}));
    RLX_TRY(const RegionId body, one_step(b, {batch, n, n}, compute));
    RLX_TRY(const Values made, b.add(attrs(Loop{}), inputs, {body}, 2));
    return f.values({cast(reshape(f(made[1]), outer), x.dtype())});
  }

 private:
  // The loop's body: the rows with the step's column taken out of those below, and the product of what was divided by.
  static Result<RegionId> one_step(GraphBuilder& b, const Vec<Dim>& shape, DType type) {
    Graph& g = b.graph();
    const RegionId body = g.add_region();
    const Dim &batch = shape[0], &n = shape[1];
    const ValueId step = g.add_argument(body, Type::tensor(DType::kI64, {}));
    const ValueId goes_on = g.add_argument(body, Type::tensor(DType::kBool, {}));
    const ValueId before = g.add_argument(body, Type::tensor(type, shape));
    const ValueId product = g.add_argument(body, Type::tensor(type, {batch, 1}));
    GraphBuilder inside(g, body, b.origin());
    Formula f(inside);
    const Wire rows = f(before), k = f(step), places = counted(f, n);
    const auto at_k = [&](Wire x, int64_t axis) {
      return f.make(attrs(Gather{.axis = axis}), {x, k});
    };
    const Wire column = at_k(rows, 2), row = at_k(rows, 1);
    const Wire is_above = f.make("less", {places, k});
    const Wire none = f.number(type, -1.0), zero = f.number(type, 0.0), one = f.number(type, 1.0);
    const Wire sizes = f.make("where", {is_above, none, f.make("abs", {column})});
    const Wire best = f.make(attrs(ArgMax{.axis = 1}), {sizes});
    const Wire chosen = f.make(attrs(GatherNd{.batch_dims = 1}), {rows, best});
    const Wire pivot = reshape(at_k(chosen, 1), {batch, 1});
    // The chosen row changes places with the step's, which nothing reads any more.
    const Wire is_chosen = f.make("equal", {places, best});
    const Wire first = reshape(at_k(row, 1), {batch, 1});
    const Wire moved_column = f.make("where", {is_chosen, first, column});
    const Wire is_chosen_row = reshape(is_chosen, {batch, n, 1});
    const Wire moved = f.make("where", {is_chosen_row, reshape(row, {batch, 1, n}), rows});
    const Wire divisor = f.make("where", {f.make("equal", {pivot, zero}), one, pivot});
    const Wire is_below = f.make("greater", {places, k});
    const Wire factors = f.make("where", {is_below, moved_column / divisor, zero});
    const Wire each = reshape(factors, {batch, n, 1}), pivots = reshape(chosen, {batch, 1, n});
    const Wire less = each * pivots;
    const Wire stays = f.make("equal", {best, k});
    const Wire sign = f.make("where", {stays, one, none});
    const Wire after = f(product) * pivot;
    RLX_TRY(g[body].results, f.values({f(goes_on), moved - less, after * sign}));
    return body;
  }
};
RLX_OP(Det);

}  // namespace rlx::ops
