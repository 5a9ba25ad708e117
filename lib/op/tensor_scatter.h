// A cache with a part of one axis written anew, from a place of each batch's own on: how keys and values are kept.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/combining.h"

namespace rlx::ops {

// Inputs: the cache [batch, ...]; the update, shorter along the axis; where it begins in each batch, else at 0.
struct TensorScatter {
  static constexpr std::string_view name = "tensor_scatter";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kAnyDType;

  int64_t axis = -2;
  // "circular": what reaches beyond the end goes on at the beginning; else it is an error.
  std::string mode = "linear";

  static Result<Types> infer(const TensorScatter& o, InferCtx& c) {
    const Type &cache = c.in(0), &update = c.in(1);
    RLX_TRY(const int axis, checked_axis(c, o.axis, cache.rank()));
    if (axis == 0) return c.error(kBadAttribute, "the axis is the batch");
    if (o.mode != "linear" && o.mode != "circular") {
      return c.error(kBadAttribute, "mode '" + o.mode + "' is not known");
    }
    if (update.rank() != cache.rank() || update.dtype != cache.dtype) {
      return c.error(kBadInput, "the update has another rank or element type than the cache");
    }
    for (const int k : iota(0, cache.rank())) {
      const Dim &part = update.shape[static_cast<size_t>(k)],
                &whole = cache.shape[static_cast<size_t>(k)];
      RLX_TRY_VOID(k == axis ? c.require_at_most(part, whole) : c.require_equal(part, whole));
    }
    if (c.has(2)) {
      const Type& begin = c.in(2);
      if (begin.rank() != 1 || !is_integer(begin.dtype)) {
        return c.error(kBadInput, "where updates begin is no vector of integers");
      }
      RLX_TRY_VOID(c.require_equal(begin.shape[0], cache.shape[0]));
    }
    return Types{cache};
  }

  static Status lower(const TensorScatter& o, KernelBuilder& b) {
    copy_data(b);
    const auto axis = static_cast<size_t>(axis_of(o.axis, b.in(0).rank()));
    StageBuilder s = b.map(b.in(1).shape);
    Vec<AxisIndex> index = axis_indexes(s.loops());
    Vec<Bounds> bounds(index.size());
    Ex place = s.index(s.loop(static_cast<int>(axis)));
    if (b.has(2)) {
      const Ex begin = cast(s.load(b.input(2), {s.loop(0)}), DType::kI64);
      place = begin + place;
    }
    if (o.mode == "circular") place = apply(Fn::kRem, place, s.index(b.in(0).shape[axis]));
    index[axis] = {.expr = place.id};
    bounds[axis].rule = Bounds::Rule::kChecked;
    const Ex update = s.load(b.input(1), s.loops());
    s.scatter(b.output(), std::move(index), std::move(bounds), update, Combine::kSet);
    return {};
  }
};
RLX_OP(TensorScatter);

}  // namespace rlx::ops
