// A part of a tensor: along each named axis, every step-th element from start to before end.
#pragma once
#include <algorithm>

#include "ir/builder.h"
#include "op/op.h"
#include "op/shared/formula.h"
#include "op/shared/part.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, starts, ends, axes (left out: the first ones), steps (left out: 1); all known.
// Negative starts and ends count from the end; both are clamped to the axis.
struct Slice {
  static constexpr std::string_view name = "slice";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3, .optional = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool view = true;
  static constexpr bool linear = true;

  static Result<Types> infer(const Slice&, InferCtx& c) {
    RLX_TRY(const Vec<Dim> starts, known_dims(c, 1, "starts"));
    RLX_TRY(const Vec<Dim> ends, known_dims(c, 2, "ends"));
    RLX_TRY(auto axes, known_integers(c, 3, "axes"));
    RLX_TRY(auto steps, known_integers(c, 4, "steps"));
    const size_t n = starts.size();
    if (ends.size() != n || (axes && axes->size() != n) || (steps && steps->size() != n)) {
      return c.error(kBadInput, "starts, ends, axes and steps differ in length");
    }
    const int rank = c.in(0).rank();
    if (!axes && static_cast<int>(n) > rank) {
      return c.error(kBadInput, "starts is longer than the rank");
    }
    if (axes) {
      RLX_TRY_VOID(checked_axes(c, *axes, rank));
    }
    if (steps && contains_zero(*steps)) return c.error(kBadInput, "a step is 0");
    const RangeOf range = c.graph().symbol_ranges();
    const Vec<Part> parts = parts_of(c, range);
    Vec<Dim> shape = c.in(0).shape;
    for (const Part& p : parts) shape[static_cast<size_t>(p.axis)] = p.count;
    Type out = Type::tensor(c.in(0).dtype, std::move(shape));
    if (Known data = c.known(0); data && rank == 1) tell_part(c, out, *data, parts);
    return Types{std::move(out)};
  }

  static Status lower(const Slice&, KernelBuilder& b) {
    const Vec<Part> parts = parts_of(b, b.graph().symbol_ranges());
    return lower_view(b, [&](Vec<Dim> at) {
      for (const Part& p : parts) {
        Dim& index = at[static_cast<size_t>(p.axis)];
        index = p.first + index * p.step;
      }
      return at;
    });
  }

  // All of the input where every axis stays whole and none is turned around.
  static std::optional<ValueId> canonicalise(const Slice&, GraphBuilder& g, const Node& n) {
    if (g.type(n.inputs[0]) != g.type(n.outputs[0])) return std::nullopt;
    if (n.inputs.size() < 5 || !n.inputs[4].valid()) return n.inputs[0];
    const Known steps = g.known(n.inputs[4]);
    const auto forward = [](const Dim& step) { return step.constant().value_or(0) > 0; };
    return steps && std::all_of(steps->begin(), steps->end(), forward) ? std::optional(n.inputs[0])
                                                                       : std::nullopt;
  }

  // Each element goes back to its place, with zeros in between and around.
  static Result<Values> grad(const Slice&, GraphBuilder& b, const GradIn& in) {
    const KernelBuilder k(b.graph(), in.node);
    const Vec<Part> parts = parts_of(k, b.graph().symbol_ranges());
    Formula f(b);
    const Vec<Dim> shape = f(in.inputs[0]).shape();
    Vec<Dim> low(shape.size(), Dim(0)), high = low;
    Vec<int64_t> steps(shape.size(), 1);
    Vec<int> backward;
    for (const Part& p : parts) {
      const auto axis = static_cast<size_t>(p.axis);
      const bool forward = p.step > 0;
      if (!forward) backward.push_back(p.axis);
      steps[axis] = forward ? p.step : -p.step;
      low[axis] = forward ? p.first : p.first + (p.count - 1) * p.step;
      high[axis] = shape[axis] - low[axis] - p.count * steps[axis];
    }
    const Wire apart = spread(flip(f(in.outer[0]), backward), steps);
    Vec<Wire> grads(in.inputs.size(), f.none());
    grads[0] = reshape(pad(apart, low, high), shape);
    return f.values(grads);
  }

  // The same parts of axes that stand one further back.
  static Result<Values> batch(const Slice&, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    const Node node = b.graph()[in.node];
    const int rank = b.type(node.inputs[0]).rank();
    const auto parts = static_cast<int>(b.known(in.inputs[1])->size());
    Vec<Dim> axes;
    for (int i = 0; i < parts; ++i) axes.emplace_back(i + 1);
    if (in.inputs.size() > 3 && in.inputs[3].valid()) {
      const Known named = b.known(in.inputs[3]);
      for (size_t i = 0; i < axes.size(); ++i) {
        axes[i] = axis_of((*named)[i].constant().value(), rank) + 1;
      }
    }
    Vec<Wire> inputs;
    for (const ValueId v : in.inputs) inputs.push_back(f(v));
    inputs.resize(std::max<size_t>(inputs.size(), 4), f.none());
    inputs[3] = f.integers(std::move(axes));
    return f.values({f.make(node.attrs, inputs)});
  }

 private:
  static bool contains_zero(const Vec<int64_t>& steps) {
    return std::find(steps.begin(), steps.end(), 0) != steps.end();
  }

  // What is taken of each axis, from an InferCtx or a KernelBuilder.
  template <class Ctx>
  static Vec<Part> parts_of(const Ctx& c, const RangeOf& range) {
    const Vec<Dim> starts = *c.known(1);
    const Vec<Dim> ends = *c.known(2);
    const int rank = c.in(0).rank();
    Vec<Part> parts;
    for (size_t i = 0; i < starts.size(); ++i) {
      const int64_t axis =
          c.has(3) ? c.known(3)->at(i).constant().value() : static_cast<int64_t>(i);
      const int64_t step = c.has(4) ? c.known(4)->at(i).constant().value() : 1;
      const int at = axis_of(axis, rank);
      const Dim& extent = c.in(0).shape[static_cast<size_t>(at)];
      parts.push_back(part_of_axis(at, starts[i], ends[i], step, extent, range));
    }
    return parts;
  }

  static void tell_part(InferCtx& c, const Type& out, const Vec<Dim>& data,
                        const Vec<Part>& parts) {
    Vec<Dim> elements = data;
    for (const Part& p : parts) {
      const auto first = p.first.constant();
      const auto count = p.count.constant();
      if (!first || !count) return;
      elements.clear();
      for (int64_t i = 0; i < *count; ++i) {
        elements.push_back(data[static_cast<size_t>(*first + i * p.step)]);
      }
    }
    tell(c, out, std::move(elements));
  }
};
RLX_OP(Slice);

}  // namespace rlx::ops
