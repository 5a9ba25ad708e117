// The elements that differ from each other, where each stands first, which of them each element is, and how often.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/places.h"
#include "op/top_k.h"

namespace rlx::ops {

struct Unique {
  static constexpr std::string_view name = "unique";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .out = 4};
  static constexpr DTypes dtypes = kNumbers;

  // Of a vector alone; left out: of x as a vector.
  std::optional<int64_t> axis = {};
  // Ascending; else in the order in which they stand first.
  int64_t sorted = 1;

  static Result<Types> infer(const Unique& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (o.axis && x.rank() != 1) {
      return c.error(kUnsupportedForm, "slices along an axis are not compared yet",
                     "leave the axis out, or give a vector");
    }
    RLX_TRY_VOID(c.require_at_most(1, x.elements()));
    const Dim count = c.told_extent(0, 0);
    const auto indexes = [](const Dim& n) { return Type::tensor(DType::kI64, {n}); };
    return Types{Type::tensor(x.dtype, {count}), indexes(count), indexes(x.elements()),
                 indexes(count)};
  }

  static Result<Values> expand(const Unique& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Dim count = f(block.outputs[0]).shape()[0], n = f(block.inputs[0]).type().elements();
    const Vec<Wire> ascending = sort(reshape(f(block.inputs[0]), {n}), n);
    const Wire begins = beginnings(ascending[0], n);
    const Wire starts = true_places(begins, count);
    Runs r{.elements = gather(ascending[0], starts), .first = gather(ascending[1], starts)};
    const Wire run = number_of_run(begins);
    r.of_each = scatter(f.full(DType::kI64, {n}, 0), ascending[1], run);
    r.counts = ends(starts, n, count) - starts;
    if (o.sorted == 0) r = by_first(r, count);
    return f.values({r.elements, r.first, r.of_each, r.counts});
  }

 private:
  struct Runs {
    Wire elements, first, of_each = {}, counts = {};
  };

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

  // Whether an element differs from the one before it; the first one does.
  static Wire beginnings(Wire x, const Dim& n) {
    Formula& f = *x.formula;
    const Wire before = slice(x, 0, 0, n - 1);
    const Wire after = slice(x, 0, 1, n);
    const Wire equal = f.make("equal", {after, before});
    const Wire first = f.full(DType::kBool, {1}, 1);
    return concat(first, f.make("not", {equal}));
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
    return {.elements = gather(r.elements, order[1]),
            .first = order[0],
            .of_each = gather(number, r.of_each),
            .counts = gather(r.counts, order[1])};
  }
};
RLX_OP(Unique);

}  // namespace rlx::ops
