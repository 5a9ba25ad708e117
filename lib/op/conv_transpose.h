// Transposed convolution over any number of spatial axes: each element of x[n, c, spatial...] adds to the output,
// stride by stride, a window of w[c, oc / group, window...] times it.
#pragma once
#include "op/op.h"
#include "op/shared/contraction.h"
#include "op/shared/rows.h"
#include "op/shared/window.h"

namespace rlx::ops {

// Inputs: x, w, bias[oc]; the bias may be left out.
//
// An output element is a convolution of the elements of x that reach it: which elements of the window these meet
// depends on where it stands between two strides (TransposedAxis), so that no sum has steps that a stride skips.
struct ConvTranspose {
  static constexpr std::string_view name = "conv_transpose";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kFloats;

  std::string auto_pad = "NOTSET";
  Vec<int64_t> dilations = {};
  int64_t group = 1;
  // Empty: the extents of w.
  Vec<int64_t> kernel_shape = {};
  Vec<int64_t> output_padding = {};
  Vec<int64_t> output_shape = {};
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const ConvTranspose& o, InferCtx& c) {
    const Type& x = c.in(0);
    const Type& w = c.in(1);
    if (x.rank() != w.rank() || x.dtype != w.dtype) {
      return c.error(kBadInput, "x and w differ in rank or element type");
    }
    if (o.group < 1) return c.error(kBadAttribute, "group is not positive");
    RLX_TRY(const TransposedAttributes attributes, attributes_of(o, c));
    RLX_TRY(const Vec<TransposedAxis> axes, transposed_window_of(c, attributes));
    RLX_TRY_VOID(c.require_equal(x.shape[1], w.shape[0]));
    RLX_TRY_VOID(divided(c, w.shape[0], o.group, "the number of input channels"));
    Vec<Dim> shape{x.shape[0], w.shape[1] * o.group};
    RLX_TRY_VOID(check_bias(c, 2, x.dtype, shape[1]));
    for (const TransposedAxis& axis : axes) shape.push_back(axis.out);
    return Types{Type::tensor(x.dtype, std::move(shape))};
  }

  static Status lower(const ConvTranspose& o, KernelBuilder& b) {
    const Vec<Dim> at = b.grid(b.out().shape);
    const Vec<TransposedAxis> axes = transposed_window_of(b, *attributes_of(o, b));
    const BiasedOutput output(b, at, 2);
    if (o.group > 1 && floor_div(b.in(1).shape[0], o.group).is(1)) {
      store_windows(o, b, axes, at, output);
    } else {
      store_convolution(o, b, axes, at, output);
    }
    output.finish();
    return {};
  }

 private:
  // From an InferCtx or a KernelBuilder; the window's extents are those of w.
  template <class Ctx>
  static Result<TransposedAttributes> attributes_of(const ConvTranspose& o, const Ctx& c) {
    TransposedAttributes a{
        {o.auto_pad, {}, o.strides, o.dilations, o.pads}, o.output_padding, o.output_shape};
    RLX_TRY(a.window.kernel_shape, window_extents(c, o.kernel_shape));
    return a;
  }

  struct Operands {
    Ex x, w;
  };

  // x and w at a step of each axis, for input channel `channel` of the output channel's group. Both are 0 where the
  // window has no element at that step.
  static Operands load(const ConvTranspose& o, KernelBuilder& b, StageBuilder& s,
                       const Vec<TransposedAxis>& axes, const Vec<Dim>& at, const Dim& channel,
                       const Vec<Dim>& steps) {
    const Vec<Dim>& w = b.in(1).shape;
    const Dim group = o.group == 1 ? Dim(0) : floor_div(at[1], w[1]);
    const Dim in = group * floor_div(w[0], o.group) + channel;
    Vec<Dim> x_at{at[0], in}, w_at{in, at[1] - group * w[1]};
    Vec<Bounds> x_bounds(2), w_bounds(2);
    const Bounds fill{Bounds::Rule::kFill, Scalar::of(b.in(0).dtype, 0)};
    for (size_t i = 0; i < axes.size(); ++i) {
      x_at.push_back(axes[i].position(at[i + 2], steps[i]));
      w_at.push_back(axes[i].element(at[i + 2], steps[i]));
      x_bounds.push_back(axes[i].is_inside(b.graph().symbol_ranges()) ? Bounds{} : fill);
      w_bounds.push_back(axes[i].is_even() ? Bounds{} : fill);
    }
    const Ex x = s.load(b.input(0), x_at, std::move(x_bounds));
    const Ex weight = s.load(b.input(1), w_at, std::move(w_bounds));
    return {where_met(s, axes, {w_at.begin() + 2, w_at.end()}, x), weight};
  }

  // An element that no weight meets is not multiplied by 0, as it may be infinite.
  static Ex where_met(StageBuilder& s, const Vec<TransposedAxis>& axes, const Vec<Dim>& elements,
                      Ex x) {
    Ex out = x;
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i].is_even()) continue;
      const Ex element = s.index(elements[i]);
      const Ex end = s.constant_int(DType::kI64, axes[i].kernel);
      const Ex zero = constant_like(x, 0);
      out = select(apply(Fn::kLt, element, end), out, zero);
    }
    return out;
  }

  static Vec<Dim> steps_of(const Vec<TransposedAxis>& axes) {
    Vec<Dim> steps;
    for (const TransposedAxis& axis : axes) steps.emplace_back(axis.taps());
    return steps;
  }

  // One input channel per group: every channel has a window of its own.
  static void store_windows(const ConvTranspose& o, KernelBuilder& b,
                            const Vec<TransposedAxis>& axes, const Vec<Dim>& at,
                            const BiasedOutput& output) {
    StageBuilder s = b.reduce(steps_of(axes));
    const Operands operands = load(o, b, s, axes, at, 0, s.loops());
    output.store(s, sum(s, operands.x * operands.w));
  }

  static void store_convolution(const ConvTranspose& o, KernelBuilder& b,
                                const Vec<TransposedAxis>& axes, const Vec<Dim>& at,
                                const BiasedOutput& output) {
    Vec<Dim> extents = steps_of(axes);
    extents.insert(extents.begin(), floor_div(b.in(1).shape[0], o.group));
    StageBuilder s = b.conv(extents);
    const Vec<Dim> steps(s.loops().begin() + 1, s.loops().end());
    const Operands operands = load(o, b, s, axes, at, s.loop(0), steps);
    output.store(s, convolve(s, at, operands.x, operands.w));
  }
};
RLX_OP(ConvTranspose);

}  // namespace rlx::ops
