// Axes in another order: axis i of the output is axis perm[i] of the input.
#pragma once
#include "ir/builder.h"
#include "op/op.h"
#include "op/reshape.h"
#include "op/shared/formula.h"
#include "op/shared/view.h"

namespace rlx::ops {

struct Transpose {
  static constexpr std::string_view name = "transpose";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool view = true;
  static constexpr bool linear = true;

  // Empty: the axes reversed.
  Vec<int64_t> perm = {};

  // The input's axis for each axis of the output.
  static Vec<int> order(const Transpose& o, int rank) {
    if (o.perm.empty()) {
      Vec<int> axes = iota(0, rank);
      return {axes.rbegin(), axes.rend()};
    }
    Vec<int> axes;
    for (const int64_t axis : o.perm) axes.push_back(axis_of(axis, rank));
    return axes;
  }

  static Result<Types> infer(const Transpose& o, InferCtx& c) {
    const Type& in = c.in(0);
    if (!o.perm.empty()) {
      RLX_TRY(const Vec<int> axes, checked_axes(c, o.perm, in.rank()));
      if (axes != iota(0, in.rank())) {
        return c.error(kBadAttribute,
                       "perm does not name each of the " + std::to_string(in.rank()) + " axes");
      }
    }
    return view_types(c, select_axes(in.shape, order(o, in.rank())));
  }

  static Status lower(const Transpose& o, KernelBuilder& b) {
    const Vec<int> axes = order(o, b.in(0).rank());
    return lower_view(b, [&](const Vec<Dim>& at) {
      Vec<Dim> index(at.size());
      for (size_t i = 0; i < at.size(); ++i) index[static_cast<size_t>(axes[i])] = at[i];
      return index;
    });
  }

  // Where only axes of extent 1 change places, it is a reshape.
  static std::optional<ValueId> canonicalise(const Transpose& o, GraphBuilder& g, const Node& n) {
    const Vec<Dim>& in = g.type(n.inputs[0]).shape;
    const Vec<int> axes = order(o, static_cast<int>(in.size()));
    int last = -1;
    for (const int axis : axes) {
      if (in[static_cast<size_t>(axis)].is(1)) continue;
      if (axis < last) return std::nullopt;
      last = axis;
    }
    const Vec<Dim> shape = select_axes(in, axes);
    if (shape == in) return n.inputs[0];
    const auto made = g.add1(attrs(Reshape{.allowzero = 1}), {n.inputs[0], g.dims(shape)});
    return made ? std::optional(*made) : std::nullopt;
  }

  static Result<Values> grad(const Transpose& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Vec<int> axes = order(o, f(in.inputs[0]).rank());
    Vec<int> back(axes.size());
    for (size_t i = 0; i < axes.size(); ++i) {
      back[static_cast<size_t>(axes[i])] = static_cast<int>(i);
    }
    return f.values({transpose(f(in.outer[0]), back)});
  }

  static Result<Values> batch(const Transpose& o, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    const Wire x = f(in.inputs[0]);
    Vec<int> axes = {0};
    for (const int axis : order(o, x.rank() - 1)) axes.push_back(axis + 1);
    return f.values({transpose(x, axes)});
  }
};
RLX_OP(Transpose);

}  // namespace rlx::ops
