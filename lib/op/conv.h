// Convolution over any number of spatial axes: x[n, c, spatial...] with w[oc, c / group,
// window...].
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/conv_hooks.h"
#include "op/shared/convolution.h"

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
    if (x.dtype != w.dtype) return c.error(kBadInput, "x and w differ in element type");
    RLX_TRY(Vec<Dim> shape, infer_conv_shape(o, c));
    RLX_TRY_VOID(check_bias(c, 2, x.dtype, w.shape[0]));
    return Types{Type::tensor(x.dtype, std::move(shape))};
  }

  static Status lower(const Conv& o, KernelBuilder& b) {
    return lower_conv(o, b, 2, [&](StageBuilder& s, const Window& window, const ConvPlaces& at) {
      Vec<Bounds> bounds = window.bounds(Scalar::of(b.in(0).dtype, 0));
      bounds.insert(bounds.begin(), 2, Bounds{});
      const Ex x = s.load(b.input(0), at.x, std::move(bounds));
      return std::pair(x, s.load(b.input(1), at.w));
    });
  }

  static Result<Values> grad(const Conv& o, GraphBuilder& b, const GradIn& in) {
    const KernelBuilder k(b.graph(), in.node);
    const Window window = window_of(k, *conv_attributes(o, k));
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
};
RLX_OP(Conv);

}  // namespace rlx::ops
