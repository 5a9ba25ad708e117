// Convolution over any number of spatial axes: x[n, c, spatial...] with w[oc, c / group,
// window...].
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/contraction.h"
#include "op/shared/conv_hooks.h"
#include "op/shared/rows.h"
#include "op/shared/window.h"

namespace rlx::ops {

// Inputs: x, w, bias[oc]; the bias may be left out.
struct Conv {
  static constexpr std::string_view name = "conv";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kFloats;

  std::string auto_pad = "NOTSET";
  Vec<int64_t> dilations = {};
  int64_t group = 1;
  // Empty: the extents of w.
  Vec<int64_t> kernel_shape = {};
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const Conv& o, InferCtx& c) {
    const Type& x = c.in(0);
    const Type& w = c.in(1);
    if (x.rank() != w.rank() || x.dtype != w.dtype) {
      return c.error(kBadInput, "x and w differ in rank or element type");
    }
    if (o.group < 1) return c.error(kBadAttribute, "group is not positive");
    RLX_TRY(const WindowAttributes attributes, attributes_of(o, c));
    RLX_TRY(const Window window, window_of(c, attributes));
    RLX_TRY_VOID(c.require_equal(x.shape[1], w.shape[1] * o.group));
    RLX_TRY_VOID(divided(c, w.shape[0], o.group, "the number of output channels"));
    RLX_TRY_VOID(check_bias(c, w.shape[0]));
    Vec<Dim> shape = window.out();
    shape.insert(shape.begin(), {x.shape[0], w.shape[0]});
    return Types{Type::tensor(x.dtype, std::move(shape))};
  }

  static Status lower(const Conv& o, KernelBuilder& b) {
    const Vec<Dim> at = b.grid(b.out().shape);
    // One input channel per group: every channel has a window of its own.
    const bool depthwise = o.group > 1 && b.in(1).shape[1].is(1);
    const BiasedOutput output(b, at);
    if (depthwise) {
      store_windows(o, b, at, output);
    } else {
      store_convolution(o, b, at, output);
    }
    output.finish();
    return {};
  }

  static Result<Values> grad(const Conv& o, GraphBuilder& b, const GradIn& in) {
    const KernelBuilder k(b.graph(), in.node);
    const Window window = window_of(k, *attributes_of(o, k));
    Formula f(b);
    const Wire x = f(in.inputs[0]), w = f(in.inputs[1]), outer = f(in.outer[0]);
    Vec<Wire> grads(in.inputs.size(), f.none());
    if (in.wanted[0]) grads[0] = gradient_by_image(outer, w, window, o.group, x.shape());
    if (in.wanted[1]) grads[1] = gradient_by_weights(outer, x, window, o.group, w.shape());
    if (in.inputs.size() > 2 && in.wanted[2]) {
      Vec<int> axes = iota(0, x.rank());
      axes.erase(axes.begin() + 1);
      grads[2] = reshape(sum(outer, axes), f(in.inputs[2]).shape());
    }
    return f.values(grads);
  }

  static Result<Values> jvp(const Conv& o, GraphBuilder& b, const JvpIn& in) {
    Formula f(b);
    Wire tangent = f.none();
    for (size_t i = 0; i < 2; ++i) {
      if (!in.tangents[i].valid()) continue;
      Vec<Wire> operands = {f(in.inputs[0]), f(in.inputs[1])};
      operands[i] = f(in.tangents[i]);
      tangent = added(tangent, f.make(attrs(o), operands));
    }
    if (in.tangents.size() > 2 && in.tangents[2].valid()) {
      Vec<Dim> channels(f(in.inputs[0]).shape().size() - 1, Dim(1));
      channels[0] = f(in.tangents[2]).shape()[0];
      tangent = added(tangent, reshape(f(in.tangents[2]), channels));
    }
    return f.values({expand(tangent, f(in.outputs[0]).shape())});
  }

  // Weights of each index are groups of channels of their own, of which the number has to be known.
  static Result<Values> batch(const Conv& o, GraphBuilder& b, const BatchIn& in) {
    if (!others_are_batched(in)) return batch_of_images(b, in);
    const std::optional<int64_t> extent = in.extent.constant();
    if (!extent) {
      return Error(
          diagnostic_of(b.graph(), in.node, kMustBeKnown,
                        "weights over an axis of the symbolic extent " + to_text(in.extent)));
    }
    Formula f(b);
    Vec<Wire> inputs = {moved_axes(batched_input(f, in, 0), {0}, 1)};
    inputs[0] = reshape(inputs[0], joined(inputs[0].shape(), 1));
    for (size_t i = 1; i < in.inputs.size(); ++i) {
      const bool given = in.inputs[i].valid();
      const Wire w = given ? batched_input(f, in, i) : f.none();
      inputs.push_back(given ? reshape(w, joined(w.shape(), 0)) : w);
    }
    Conv all = o;
    all.group = o.group * *extent;
    Vec<Dim> apart = b.type(b.graph()[in.node].outputs[0]).shape;
    apart.insert(apart.begin() + 1, in.extent);
    return f.values({moved_axes(reshape(f.make(attrs(all), inputs), apart), {1}, 0)});
  }

 private:
  // With axes `a` and a + 1 as one.
  static Vec<Dim> joined(Vec<Dim> shape, size_t a) {
    if (a + 1 >= shape.size()) return shape;
    shape[a] = shape[a] * shape[a + 1];
    shape.erase(shape.begin() + static_cast<int64_t>(a) + 1);
    return shape;
  }

  // From an InferCtx or a KernelBuilder; the window's extents are those of w.
  template <class Ctx>
  static Result<WindowAttributes> attributes_of(const Conv& o, const Ctx& c) {
    WindowAttributes a{o.auto_pad, {}, o.strides, o.dilations, o.pads};
    RLX_TRY(a.kernel_shape, window_extents(c, o.kernel_shape));
    return a;
  }

  struct Operands {
    Ex x, w;
  };

  // x and w under the window's element k, for input channel `channel` of the output channel's
  // group.
  static Operands load(const Conv& o, KernelBuilder& b, StageBuilder& s, const Window& window,
                       const Vec<Dim>& at, const Dim& channel, const Vec<Dim>& k) {
    const Vec<Dim>& w = b.in(1).shape;
    const Dim group = o.group == 1 ? Dim(0) : floor_div(at[1], floor_div(w[0], o.group));
    Vec<Dim> x_at = window.position({at.begin() + 2, at.end()}, k);
    x_at.insert(x_at.begin(), {at[0], group * w[1] + channel});
    Vec<Bounds> bounds = window.bounds(Scalar::of(b.in(0).dtype, 0));
    bounds.insert(bounds.begin(), 2, Bounds{});
    Vec<Dim> w_at = k;
    w_at.insert(w_at.begin(), {at[1], channel});
    const Ex x = s.load(b.input(0), x_at, std::move(bounds));
    return {x, s.load(b.input(1), w_at)};
  }

  static void store_windows(const Conv& o, KernelBuilder& b, const Vec<Dim>& at,
                            const BiasedOutput& output) {
    const Window window = window_of(b, *attributes_of(o, b));
    StageBuilder s = b.reduce(window.kernel());
    const Operands operands = load(o, b, s, window, at, 0, s.loops());
    output.store(s, sum(s, operands.x * operands.w));
  }

  static void store_convolution(const Conv& o, KernelBuilder& b, const Vec<Dim>& at,
                                const BiasedOutput& output) {
    const Window window = window_of(b, *attributes_of(o, b));
    Vec<Dim> extents = window.kernel();
    extents.insert(extents.begin(), b.in(1).shape[1]);
    StageBuilder s = b.conv(extents);
    const Vec<Dim> k(s.loops().begin() + 1, s.loops().end());
    const Operands operands = load(o, b, s, window, at, s.loop(0), k);
    output.store(s, convolve(s, at, operands.x, operands.w));
  }
};
RLX_OP(Conv);

}  // namespace rlx::ops
