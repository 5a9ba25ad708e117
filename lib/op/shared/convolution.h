// What the operators that move a window of weights over an image share: x[n, c, spatial...] with w[oc, c / group,
// window...], the first two inputs.
#pragma once
#include "op/shared/contraction.h"
#include "op/shared/rows.h"
#include "op/shared/window.h"

namespace rlx {

// Of an InferCtx or a KernelBuilder; the window's extents are those of w. The operator has the attributes of `conv`.
template <class O, class Ctx>
Result<WindowAttributes> conv_attributes(const O& o, const Ctx& c) {
  WindowAttributes a{o.auto_pad, {}, o.strides, o.dilations, o.pads};
  RLX_TRY(a.kernel_shape, window_extents(c, o.kernel_shape));
  return a;
}

template <class O>
Result<Vec<Dim>> infer_conv_shape(const O& o, InferCtx& c) {
  const Type& x = c.in(0);
  const Type& w = c.in(1);
  if (x.rank() != w.rank()) return c.error(kBadInput, "x and w differ in rank");
  if (o.group < 1) return c.error(kBadAttribute, "group is not positive");
  RLX_TRY(const WindowAttributes attributes, conv_attributes(o, c));
  RLX_TRY(const Window window, window_of(c, attributes));
  RLX_TRY_VOID(c.require_equal(x.shape[1], w.shape[1] * o.group));
  RLX_TRY_VOID(divided(c, w.shape[0], o.group, "the number of output channels"));
  Vec<Dim> shape = window.out();
  shape.insert(shape.begin(), {x.shape[0], w.shape[0]});
  return shape;
}

// Where x and w are read for the output's element `at`, under the window's element k, for input channel `channel` of
// the output channel's group.
struct ConvPlaces {
  Vec<Dim> x, w;
};
ConvPlaces conv_places(const KernelBuilder& b, const Window& window, int64_t group,
                       const Vec<Dim>& at, const Dim& channel, const Vec<Dim>& k);

// x, which is read at `at`, where that is inside of the input, and 0 in its padding.
Ex where_inside(const Window& window, const Vec<Dim>& at, Ex x);

// The kernel: operands(stage, places) gives x and w as the two factors.
template <class O, class Operands>
Status lower_conv(const O& o, KernelBuilder& b, int bias, Operands operands) {
  const Window window = window_of(b, *conv_attributes(o, b));
  const Vec<Dim> at = b.grid(b.out().shape);
  const BiasedOutput output(b, at, bias);
  if (o.group > 1 && b.in(1).shape[1].is(1)) {
    // One input channel per group: every channel has a window of its own.
    StageBuilder s = b.reduce(window.kernel());
    const auto [x, w] = operands(s, window, conv_places(b, window, o.group, at, 0, s.loops()));
    output.store(s, sum(s, x * w));
  } else {
    Vec<Dim> extents = window.kernel();
    extents.insert(extents.begin(), b.in(1).shape[1]);
    StageBuilder s = b.conv(extents);
    const Vec<Dim> k(s.loops().begin() + 1, s.loops().end());
    const auto [x, w] = operands(s, window, conv_places(b, window, o.group, at, s.loop(0), k));
    output.store(s, convolve(s, at, x, w));
  }
  output.finish();
  return {};
}

}  // namespace rlx
