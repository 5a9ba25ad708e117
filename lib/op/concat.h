// Tensors one after the other along an axis.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/view.h"

namespace rlx::ops {

struct Concat {
  static constexpr std::string_view name = "concat";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .variadic = true};
  static constexpr DTypes dtypes = kAnyDType;

  int64_t axis = 0;

  static Result<Types> infer(const Concat& o, InferCtx& c) {
    RLX_TRY(const int axis, checked_axis(c, o.axis, c.in(0).rank()));
    Vec<Dim> shape = c.in(0).shape;
    for (int i = 1; i < c.inputs(); ++i) {
      RLX_TRY_VOID(append(c, i, static_cast<size_t>(axis), shape));
    }
    Type out = Type::tensor(c.in(0).dtype, std::move(shape));
    tell_all(c, out);
    return Types{std::move(out)};
  }

  // One map per input, each writing its own part of the axis.
  static Status lower(const Concat& o, KernelBuilder& b) {
    const Vec<int> axis = {axis_of(o.axis, b.out().rank())};
    const Vec<Dim> outer = b.grid(without_axes(b.out().shape, axis));
    Dim offset = 0;
    for (int i = 0; i < b.inputs(); ++i) {
      const Vec<Dim> extent = select_axes(b.in(i).shape, axis);
      StageBuilder s = b.map(extent);
      s.store(b.output(), interleave(axis, {s.loop(0) + offset}, outer),
              s.load(b.input(i), interleave(axis, s.loops(), outer)));
      offset = offset + extent[0];
    }
    return {};
  }

  static Result<Values> grad(const Concat& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Wire outer = f(in.outer[0]);
    const int axis = axis_of(o.axis, f(in.inputs[0]).rank());
    Vec<Wire> grads;
    Dim offset = 0;
    for (size_t i = 0; i < in.inputs.size(); ++i) {
      const Dim end = offset + f(in.inputs[i]).shape()[static_cast<size_t>(axis)];
      grads.push_back(in.wanted[i] ? slice(outer, axis, offset, end) : f.none());
      offset = end;
    }
    return f.values(grads);
  }

  static Result<Values> jvp(const Concat& o, GraphBuilder& b, const JvpIn& in) {
    Formula f(b);
    Vec<Wire> tangents;
    for (size_t i = 0; i < in.inputs.size(); ++i) {
      const Wire x = f(in.inputs[i]);
      const bool varies = in.tangents[i].valid();
      tangents.push_back(varies ? f(in.tangents[i]) : f.full(x.dtype(), x.shape(), 0));
    }
    return f.values({f.make(attrs(o), tangents)});
  }

  static Result<Values> batch(const Concat& o, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    Vec<Wire> inputs;
    for (size_t i = 0; i < in.inputs.size(); ++i) inputs.push_back(batched_input(f, in, i));
    Concat further = o;
    if (o.axis >= 0) ++further.axis;
    return f.values({f.make(attrs(further), inputs)});
  }

 private:
  static Status append(InferCtx& c, int i, size_t axis, Vec<Dim>& shape) {
    const Type& in = c.in(i);
    if (in.shape.size() != shape.size() || in.dtype != c.in(0).dtype) {
      return c.error(kBadInput, "inputs to concatenate differ in rank or element type");
    }
    for (size_t k = 0; k < shape.size(); ++k) {
      if (k == axis) {
        shape[k] = shape[k] + in.shape[k];
      } else {
        RLX_TRY_VOID(c.require_equal(shape[k], in.shape[k]));
      }
    }
    return {};
  }

  static void tell_all(InferCtx& c, const Type& out) {
    Vec<Dim> elements;
    for (int i = 0; i < c.inputs(); ++i) {
      Known known = c.known(i);
      if (!known) return;
      elements.insert(elements.end(), known->begin(), known->end());
    }
    tell(c, out, std::move(elements));
  }
};
RLX_OP(Concat);

}  // namespace rlx::ops
