// Parts of a tensor along an axis, an output each.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, the parts' extents (known); left out: num_outputs equal parts, the last one
// smaller.
struct Split {
  static constexpr std::string_view name = "split";
  static constexpr int version = 1;
  // As many outputs as there are parts.
  static constexpr Arity arity{.in = 1, .optional = 1, .out = 1024};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

  int64_t axis = 0;
  std::optional<int64_t> num_outputs = std::nullopt;

  static Result<Types> infer(const Split& o, InferCtx& c) {
    const Type& in = c.in(0);
    RLX_TRY(const int axis, checked_axis(c, o.axis, in.rank()));
    const Dim& extent = in.shape[static_cast<size_t>(axis)];
    RLX_TRY(const Vec<Dim> parts,
            c.has(1) ? known_extents(c, 1, "the extents of the parts") : equal_parts(c, extent));
    if (static_cast<int>(parts.size()) != c.outputs()) {
      return c.error(kBadInput, "there are more parts than outputs, or fewer");
    }
    Dim sum = 0;
    for (const Dim& part : parts) sum = sum + part;
    RLX_TRY_VOID(c.require_equal(sum, extent));
    return types_of(c, axis, parts);
  }

  // One map per output over its own part of the axis.
  static Status lower(const Split& o, KernelBuilder& b) {
    const Vec<int> axis = {axis_of(o.axis, b.in(0).rank())};
    const Vec<Dim> outer = b.grid(without_axes(b.in(0).shape, axis));
    Dim offset = 0;
    for (int i = 0; i < b.outputs(); ++i) {
      const Vec<Dim> extent = select_axes(b.out(i).shape, axis);
      StageBuilder s = b.map(extent);
      s.store(b.output(i), interleave(axis, s.loops(), outer),
              s.load(b.input(0), interleave(axis, {s.loop(0) + offset}, outer)));
      offset = offset + extent[0];
    }
    return {};
  }

  static Result<Values> grad(const Split& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    Vec<Wire> parts;
    for (size_t i = 0; i < in.outputs.size(); ++i) {
      const Wire y = f(in.outputs[i]);
      const bool used = in.outer[i].valid();
      parts.push_back(used ? f(in.outer[i]) : f.full(y.dtype(), y.shape(), 0));
    }
    Attrs concat(find_op("concat"));
    concat.each([&](std::string_view, AttrRef axis) { *std::get<int64_t*>(axis) = o.axis; });
    Vec<Wire> grads(in.inputs.size(), f.none());
    grads[0] = f.make(concat, parts);
    return f.values(grads);
  }

  static Result<Values> batch(const Split& o, GraphBuilder& b, const BatchIn& in) {
    return batch_along(b, in, o);
  }

 private:
  static Result<Vec<Dim>> equal_parts(const InferCtx& c, const Dim& extent) {
    const int n = c.outputs();
    const Dim part = c.simplified(ceil_div(extent, n));
    Vec<Dim> parts(static_cast<size_t>(n), part);
    parts.back() = c.simplified(extent - part * (n - 1));
    return parts;
  }

  static Types types_of(InferCtx& c, int axis, const Vec<Dim>& parts) {
    Types types;
    int64_t first = 0;
    for (const Dim& part : parts) {
      types.push_back(c.in(0));
      types.back().shape[static_cast<size_t>(axis)] = part;
      Known known = c.known(0);
      if (!known || !part.constant()) continue;
      const int64_t last = first + *part.constant();
      tell(c, types.back(), {known->begin() + first, known->begin() + last},
           static_cast<int>(types.size()) - 1);
      first = last;
    }
    return types;
  }
};
RLX_OP(Split);

}  // namespace rlx::ops
