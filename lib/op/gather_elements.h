// out[i, j] = data[indices[i, j], j] along axis 0, and so on: one element per index.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/scattered.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, indices; negative ones count from the end.
struct GatherElements {
  static constexpr std::string_view name = "gather_elements";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

  int64_t axis = 0;

  static Result<Types> infer(const GatherElements& o, InferCtx& c) {
    RLX_TRY(const int axis, checked_axis(c, o.axis, c.in(0).rank()));
    if (c.in(1).rank() != c.in(0).rank() || !is_integer(c.in(1).dtype)) {
      return c.error(kBadInput, "indices are no integers of data's rank");
    }
    // Along the other axes an index stands for itself.
    for (const int k : iota(0, c.in(0).rank())) {
      const auto i = static_cast<size_t>(k);
      if (k != axis) RLX_TRY_VOID(c.require_at_most(c.in(1).shape[i], c.in(0).shape[i]));
    }
    return Types{Type::tensor(c.in(0).dtype, c.in(1).shape)};
  }

  static Status lower(const GatherElements& o, KernelBuilder& b) {
    const auto axis = static_cast<size_t>(axis_of(o.axis, b.in(0).rank()));
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      Vec<AxisIndex> index = axis_indexes(at);
      index[axis] = data_index(s.load(b.input(1), at));
      return rlx::gather(b, s, 0, std::move(index));
    });
  }

  static Result<Values> grad(const GatherElements& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Vec<Dim> data = f(in.inputs[0]).shape();
    const int axis = axis_of(o.axis, static_cast<int>(data.size()));
    return f.values({scattered(f(in.inputs[1]), f(in.outer[0]), data, axis), f.none()});
  }

  static Result<Values> batch(const GatherElements& o, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    GatherElements further = o;
    if (o.axis >= 0) ++further.axis;
    const Wire data = batched_input(f, in, 0);
    return f.values({f.make(attrs(further), {data, batched_input(f, in, 1)})});
  }
};
RLX_OP(GatherElements);

}  // namespace rlx::ops
