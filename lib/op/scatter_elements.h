// data with the elements of `updates` put, or combined with what is there, at indices along an axis:
// out[indices[i, j], j] = updates[i, j] along axis 0, and so on. Of several for one place the last one counts, in
// row-major order; combined they are so in this order.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/combining.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, indices, updates; negative indices count from the end.
struct ScatterElements {
  static constexpr std::string_view name = "scatter_elements";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3};
  static constexpr DTypes dtypes = kAnyDType;

  int64_t axis = 0;
  // "none", "add", "mul", "max" or "min".
  std::string reduction = "none";

  static Result<Types> infer(const ScatterElements& o, InferCtx& c) {
    const Type& data = c.in(0);
    RLX_TRY(const int axis, checked_axis(c, o.axis, data.rank()));
    RLX_TRY_VOID(require_combining(c, o.reduction));
    if (c.in(1).rank() != data.rank() || !is_integer(c.in(1).dtype)) {
      return c.error(kBadInput, "indices are no integers of data's rank");
    }
    if (c.in(2).rank() != data.rank() || c.in(2).dtype != data.dtype) {
      return c.error(kBadInput, "updates have another rank or element type than data");
    }
    for (const int k : iota(0, data.rank())) {
      const auto i = static_cast<size_t>(k);
      RLX_TRY_VOID(c.require_equal(c.in(1).shape[i], c.in(2).shape[i]));
      if (k != axis) RLX_TRY_VOID(c.require_at_most(c.in(1).shape[i], data.shape[i]));
    }
    return Types{data};
  }

  static Status lower(const ScatterElements& o, KernelBuilder& b) {
    copy_data(b);
    const auto axis = static_cast<size_t>(axis_of(o.axis, b.in(0).rank()));
    StageBuilder s = b.map(b.in(1).shape);
    Vec<AxisIndex> index = axis_indexes(s.loops());
    Vec<Bounds> bounds(index.size());
    index[axis] = data_index(s.load(b.input(1), s.loops()));
    bounds[axis].rule = Bounds::Rule::kChecked;
    const Ex update = s.load(b.input(2), s.loops());
    s.scatter(b.output(), std::move(index), std::move(bounds), update, *combine_of(o.reduction));
    return {};
  }

  // Of what is added.
  static Result<Values> grad(const ScatterElements& o, GraphBuilder& b, const GradIn& in) {
    if (*combine_of(o.reduction) != Combine::kAdd) return not_added(b, in.node);
    Formula f(b);
    const Wire outer = f(in.outer[0]);
    Attrs gather(find_op("gather_elements"));
    gather.each([&](std::string_view, AttrRef axis) { *std::get<int64_t*>(axis) = o.axis; });
    return f.values({outer, f.none(), f.make(gather, {outer, f(in.inputs[1])})});
  }

  static Result<Values> jvp(const ScatterElements& o, GraphBuilder& b, const JvpIn& in) {
    if (*combine_of(o.reduction) != Combine::kAdd) return not_added(b, in.node);
    Formula f(b);
    Vec<Wire> inputs = {f(in.tangents[0]), f(in.inputs[1]), f(in.tangents[2])};
    for (const size_t i : {0, 2}) {
      const Wire x = f(in.inputs[i]);
      if (!inputs[i].valid()) inputs[i] = f.full(x.dtype(), x.shape(), 0);
    }
    return f.values({f.make(attrs(o), inputs)});
  }

  static Result<Values> batch(const ScatterElements& o, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    Vec<Wire> inputs;
    for (size_t i = 0; i < 3; ++i) inputs.push_back(batched_input(f, in, i));
    ScatterElements further = o;
    if (o.axis >= 0) ++further.axis;
    return f.values({f.make(attrs(further), inputs)});
  }

 private:
  static Error not_added(GraphBuilder& b, NodeId node) {
    return Error(diagnostic_of(b.graph(), node, kUnsupportedForm,
                               "only with reduction = \"add\" there is a gradient"));
  }
};
RLX_OP(ScatterElements);

}  // namespace rlx::ops
