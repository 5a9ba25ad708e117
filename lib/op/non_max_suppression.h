// The best of the boxes that overlap: one after the other, the box of the highest score is taken and what overlaps it
// too much is left out.
#pragma once
#include "op/arg_max.h"
#include "op/concat.h"
#include "op/gather_elements.h"
#include "op/gather_nd.h"
#include "op/loop.h"
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/places.h"

namespace rlx::ops {

// Inputs: boxes [batch, n, 4]; scores [batch, classes, n]; how many are taken of a class at most, else none; the share of
// two boxes' union that they may have in common, else 0; the score that has to be passed. The output has a row (batch,
// class, box) for each box taken, in the order in which that happens in each class.
//
// A loop takes a box of each class a trip, as long as any class has one.
struct NonMaxSuppression {
  static constexpr std::string_view name = "non_max_suppression";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 3};
  static constexpr DTypes dtypes = only(DType::kF32);

  // 0: boxes are two opposite corners, y before x; 1: the middle, x before y, then width and height.
  int64_t center_point_box = 0;

  static Result<Types> infer(const NonMaxSuppression& o, InferCtx& c) {
    const Type &boxes = c.in(0), &scores = c.in(1);
    if (boxes.rank() != 3 || scores.rank() != 3 || scores.dtype != DType::kF32) {
      return c.error(kBadInput, "boxes or scores are not f32 of 3 axes");
    }
    if (o.center_point_box != 0 && o.center_point_box != 1) {
      return c.error(kBadAttribute, "center_point_box is neither 0 nor 1");
    }
    RLX_TRY_VOID(c.require_equal(boxes.shape[2], 4));
    RLX_TRY_VOID(c.require_equal(boxes.shape[0], scores.shape[0]));
    RLX_TRY_VOID(c.require_equal(boxes.shape[1], scores.shape[2]));
    RLX_TRY_VOID(c.require_at_most(1, boxes.shape[1]));
    for (int i = 2; i < 5; ++i) {
      if (!c.has(i)) continue;
      RLX_TRY_VOID(c.require_equal(c.in(i).elements(), 1));
      if (c.in(i).dtype != (i == 2 ? DType::kI64 : DType::kF32)) {
        return c.error(kBadInput, "a limit is of another element type");
      }
    }
    return Types{Type::tensor(DType::kI64, {c.told_extent(0, 0), 3})};
  }

  static Result<Values> expand(const NonMaxSuppression& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire scores = f(block.inputs[1]);
    const Dim count = f(block.outputs[0]).shape()[0];
    RLX_TRY(const Wire order, taken(o, f, block));
    return f.values({rows(order, scores.shape(), count)});
  }

 private:
  // Low and high ends along both axes, and the product of the extents: [batch, n, 5].
  static Wire bounds(const NonMaxSuppression& o, Wire boxes) {
    Formula& f = *boxes.formula;
    const auto column = [&](int i) { return slice(boxes, 2, i, i + 1); };
    Vec<Wire> ends;
    for (int i = 0; i < 2; ++i) {
      const Wire a = column(i), other = column(i + 2);
      if (o.center_point_box != 0) {
        const Wire half = other * 0.5;
        ends.insert(ends.end(), {a - half, a + half});
      } else {
        ends.insert(ends.end(), {f.make("min", {a, other}), f.make("max", {a, other})});
      }
    }
    const Wire width = ends[1] - ends[0], height = ends[3] - ends[2];
    ends.push_back(width * height);
    return f.make(attrs(Concat{.axis = 2}), ends);
  }

  // An optional input as a scalar.
  static Wire limit(Formula& f, const Node& block, size_t i, DType type) {
    const Wire given = f.input(block, i);
    return given.valid() ? reshape(given, {}) : f.number(type, 0.0);
  }

  // In which trip each box is taken, -1 of those that never are: i64[batch, classes, n].
  static Result<Wire> taken(const NonMaxSuppression& o, Formula& f, const Node& block) {
    const Wire scores = f(block.inputs[1]);
    const Vec<Dim> shape = scores.shape();
    const Wire all = bounds(o, f(block.inputs[0])), share = limit(f, block, 3, DType::kF32);
    const Wire none = f.number(DType::kI64, 0.0);
    const Wire most = f.make("max", {limit(f, block, 2, DType::kI64), none});
    const Wire trips = f.make("min", {most, f.number(DType::kI64, shape[2])});
    Wire left = f.full(DType::kBool, shape, 1);
    if (f.input(block, 4).valid()) {
      left = f.make("greater", {scores, limit(f, block, 4, DType::kF32)});
    }
    const Wire order = f.full(DType::kI64, shape, -1);
    const Wire yes = f.number(DType::kBool, 1.0);
    RLX_TRY(const Values inputs, f.values({trips, yes, left, order}));
    RLX_TRY(const Values sources, f.values({scores, all, share}));
    GraphBuilder& b = f.builder();
    RLX_TRY(const RegionId body, one_trip(b, sources, shape));
    RLX_TRY(const Values made, b.add(attrs(Loop{}), inputs, {body}, 2));
    return f(made[1]);
  }

  // The loop's body: what is left after the trip, and when boxes were taken. `sources` are scores, bounds, share.
  static Result<RegionId> one_trip(GraphBuilder& b, const Values& sources, const Vec<Dim>& shape) {
    Graph& g = b.graph();
    const RegionId body = g.add_region();
    g[body].captures = sources;
    const ValueId trip = g.add_argument(body, Type::tensor(DType::kI64, {}));
    g.add_argument(body, Type::tensor(DType::kBool, {}));
    const ValueId before = g.add_argument(body, Type::tensor(DType::kBool, shape));
    const ValueId order = g.add_argument(body, Type::tensor(DType::kI64, shape));
    GraphBuilder inside(g, body, b.origin());
    Formula f(inside);
    const Wire scores = f(sources[0]), left = f(before);
    const Wire lowest = f.number(DType::kF32, -std::numeric_limits<double>::infinity());
    const Wire open = f.make("where", {left, scores, lowest});
    const Wire best = f.make(attrs(ArgMax{.axis = 2}), {open});
    const Wire is_there = f.make(attrs(GatherElements{.axis = 2}), {left, best});
    const Wire is_best = f.make("equal", {counted(f, shape[2]), best});
    const Wire chosen = f.make(attrs(GatherNd{.batch_dims = 1}), {f(sources[1]), best});
    const Wire out = f.make("or", {overlaps(f(sources[1]), chosen, f(sources[2])), is_best});
    const Wire after = f.make("and", {left, f.make("not", {out})});
    const Wire is_taken = f.make("and", {is_best, is_there});
    const Wire when = f.make("where", {is_taken, f(trip), f(order)});
    const Wire goes_on = reshape(reduce("reduce_max", after, {0, 1, 2}), {});
    RLX_TRY(g[body].results, f.values({goes_on, after, when}));
    return body;
  }

  // Whether a box [batch, n] has more than that share in common with the chosen one [batch, classes].
  static Wire overlaps(Wire all, Wire chosen, Wire share) {
    Formula& f = *all.formula;
    const Vec<Dim> boxes = all.shape(), picked = chosen.shape();
    const auto of_all = [&](int i) {
      return reshape(slice(all, 2, i, i + 1), {boxes[0], 1, boxes[1]});
    };
    const auto of_chosen = [&](int i) { return slice(chosen, 2, i, i + 1); };
    const auto in_common = [&](int i) {
      const Wire a = of_all(i), b = of_chosen(i);
      const Wire c = of_all(i + 1), d = of_chosen(i + 1);
      const Wire low = f.make("max", {a, b}), high = f.make("min", {c, d});
      return f.make("relu", {high - low});
    };
    const Wire one = in_common(0), other = in_common(2);
    const Wire common = one * other;
    const Wire area = of_all(4), chosen_area = of_chosen(4);
    const Wire whole = area + chosen_area - common;
    const Wire is_more = f.make("greater", {common / whole, share});
    return f.make("and", {is_more, f.make("greater", {common, f.number(DType::kF32, 0.0)})});
  }

  // Each box taken is written where its class and its turn say.
  static Wire rows(Wire order, const Vec<Dim>& shape, const Dim& count) {
    Formula& f = *order.formula;
    const Dim classes = shape[0] * shape[1], n = shape[2], total = classes * n;
    const Wire zero = f.number(DType::kI64, 0.0), width = f.number(DType::kI64, n);
    const Wire begins = reshape(counted(f, classes) * width, {shape[0], shape[1], 1});
    const Wire is_taken = f.make("greater_or_equal", {order, zero});
    const Wire behind = f.number(DType::kI64, total);
    const Wire to = f.make("where", {is_taken, begins + order, behind});
    const Wire boxes = rlx::expand(counted(f, n), shape);
    const Wire nowhere = f.full(DType::kI64, {total + 1}, -1);
    const Wire placed =
        f.make("scatter_elements", {nowhere, reshape(to, {total}), reshape(boxes, {total})});
    const Wire turns = slice(placed, 0, 0, total);
    const Wire places = true_places(f.make("greater_or_equal", {turns, zero}), count);
    const Wire box = f.make("gather", {turns, places}), of_class = places / width;
    const Wire number = f.number(DType::kI64, shape[1]);
    const Wire batch = of_class / number, label = f.make("mod", {of_class, number});
    const Vec<Dim> column{count, 1};
    return f.make(attrs(Concat{.axis = 1}),
                  {reshape(batch, column), reshape(label, column), reshape(box, column)});
  }
};
RLX_OP(NonMaxSuppression);

}  // namespace rlx::ops
