// The elements that differ from each other, or the slices along an axis, where each stands first, which of them each one
// is, and how often.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/places.h"
#include "op/top_k.h"

namespace rlx::ops {

struct Unique {
  static constexpr std::string_view name = "unique";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .out = 4};
  static constexpr DTypes dtypes = kNumbers;

  // Left out: of x as a vector.
  std::optional<int64_t> axis = {};
  // Ascending, slices by their first elements that differ; else in the order in which they stand first.
  int64_t sorted = 1;

  static Result<Types> infer(const Unique& o, InferCtx& c) {
    const Type& x = c.in(0);
    Vec<Dim> shape{x.elements()};
    size_t axis = 0;
    if (o.axis) {
      RLX_TRY(const int at, checked_axis(c, *o.axis, x.rank()));
      axis = static_cast<size_t>(at);
      shape = x.shape;
      if (columns(x, axis).constant().value_or(kMostColumns + 1) > kMostColumns) {
        return c.error(kUnsupportedForm,
                       "slices of more than " + std::to_string(kMostColumns) +
                           " elements are not compared, nor of a number that is not known");
      }
    }
    const Dim n = shape[axis];
    RLX_TRY_VOID(c.require_at_most(1, n));
    const Dim count = shape[axis] = c.told_extent(0, static_cast<int>(axis));
    const auto indexes = [](const Dim& d) { return Type::tensor(DType::kI64, {d}); };
    return Types{Type::tensor(x.dtype, shape), indexes(count), indexes(n), indexes(count)};
  }

  static Result<Values> expand(const Unique& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]);
    const int axis = o.axis ? axis_of(*o.axis, x.rank()) : 0;
    const Dim count = f(block.outputs[1]).shape()[0], n = f(block.outputs[2]).shape()[0];
    const Wire front = o.axis ? moved_axes(x, {axis}, 0) : x;
    const Dim width = o.axis ? columns(x.type(), static_cast<size_t>(axis)) : Dim(1);
    const Wire rows = reshape(front, {n, width});
    const Wire order = ascending(rows, n, width.constant().value_or(1));
    const Wire begins = beginnings(gather(rows, order), n);
    const Wire starts = true_places(begins, count);
    Runs r{.first = gather(order, starts)};
    const Wire run = number_of_run(begins);
    r.of_each = scatter(f.full(DType::kI64, {n}, 0), order, run);
    r.counts = ends(starts, n, count) - starts;
    if (o.sorted == 0) r = by_first(r, count);
    Vec<Dim> shape = o.axis ? front.shape() : Vec<Dim>{n};
    shape[0] = count;
    Wire elements = reshape(gather(rows, r.first), shape);
    if (o.axis) elements = moved_axes(elements, {0}, axis);
    return f.values({elements, r.first, r.of_each, r.counts});
  }

 private:
  static constexpr int64_t kMostColumns = 64;

  struct Runs {
    Wire first, of_each = {}, counts = {};
  };

  static Dim columns(const Type& x, size_t axis) {
    Dim all = 1;
    for (size_t k = 0; k < x.shape.size(); ++k) all = k == axis ? all : all * x.shape[k];
    return all;
  }

  // The places of rows in order: sorted by one column after the other, the first one last, which leaves equal ones as
  // they are.
  static Wire ascending(Wire rows, const Dim& n, int64_t width) {
    Formula& f = *rows.formula;
    Wire order = counted(f, n);
    for (int64_t column = width; column-- > 0;) {
      const Wire key = reshape(slice(rows, 1, column, column + 1), {n});
      order = gather(order, sort(gather(key, order), n)[1]);
    }
    return order;
  }
  // Elements and their places, equal ones in order.
  static Vec<Wire> sort(Wire x, const Dim& n) {
    Formula& f = *x.formula;
    return f.make_all(attrs(TopK{.axis = 0, .largest = 0}), {x, f.integers(Vec<Dim>{n})}, 2);
  }

  static Wire gather(Wire x, Wire places) { return x.formula->make("gather", {x, places}); }

  static Wire scatter(Wire to, Wire places, Wire x) {
    return to.formula->make("scatter_elements", {to, places, x});
  }

  static Wire concat(Wire a, Wire b) { return a.formula->make("concat", {a, b}); }

  // Whether a row differs from the one before it; the first one does.
  static Wire beginnings(Wire rows, const Dim& n) {
    Formula& f = *rows.formula;
    const Wire before = slice(rows, 0, 0, n - 1);
    const Wire after = slice(rows, 0, 1, n);
    const Wire equal = cast(f.make("equal", {after, before}), DType::kI64);
    const Wire all = reshape(reduce("reduce_min", equal, {1}), {n - 1});
    const Wire first = f.full(DType::kBool, {1}, 1);
    return concat(first, f.make("not", {cast(all, DType::kBool)}));
  }

  // By sorted element: how many runs have begun before its own.
  static Wire number_of_run(Wire begins) {
    Formula& f = *begins.formula;
    const Wire ones = cast(begins, DType::kI64);
    return f.make("cum_sum", {ones, f.integers(Vec<Dim>{0})}) - f.number(DType::kI64, Dim(1));
  }

  // Where the run after each one starts.
  static Wire ends(Wire starts, const Dim& n, const Dim& count) {
    Formula& f = *starts.formula;
    const Wire others = slice(starts, 0, 1, count);
    return concat(others, f.integers(Vec<Dim>{n}));
  }

  static Runs by_first(const Runs& r, const Dim& count) {
    Formula& f = *r.first.formula;
    const Vec<Wire> order = sort(r.first, count);
    const Wire number = scatter(f.full(DType::kI64, {count}, 0), order[1], counted(f, count));
    return {.first = order[0],
            .of_each = gather(number, r.of_each),
            .counts = gather(r.counts, order[1])};
  }
};
RLX_OP(Unique);

}  // namespace rlx::ops
