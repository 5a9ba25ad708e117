// The geometry of convolutions and poolings: how a window moves over the spatial axes, and of transposed
// convolutions.
#pragma once
#include "op/shared/access.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"

namespace rlx {

// The attributes as ONNX gives them; empty ones take their defaults.
struct WindowAttributes {
  std::string auto_pad = "NOTSET";
  Vec<int64_t> kernel_shape = {};
  Vec<int64_t> strides = {};
  Vec<int64_t> dilations = {};
  // The low ends of all axes, then the high ends.
  Vec<int64_t> pads = {};
  bool ceil_mode = false;
};

// The window along one axis: element o, k of it is input element o * stride + k * dilation -
// pad_lo.
struct WindowAxis {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  // Negative where the window starts, or ends, inside of the axis.
  Dim pad_lo = {};
  Dim pad_hi = {};
  Dim in = {};
  Dim out = {};
  // No window meets padding or runs over the end.
  bool inside = false;

  // From the first element of the window to the last, both included.
  int64_t reach() const { return (kernel - 1) * dilation + 1; }
  Dim position(const Dim& o, const Dim& k) const { return o * stride + k * dilation - pad_lo; }
  // How many k of a window at o meet elements from `lo` elements before the axis to `hi` beyond it.
  Dim met(const Dim& o, const Dim& lo, const Dim& hi) const;
};

struct Window {
  Vec<WindowAxis> axes;

  Vec<Dim> kernel() const;
  Vec<Dim> out() const;
  // The input's spatial index for output o and window element k.
  Vec<Dim> position(const Vec<Dim>& o, const Vec<Dim>& k) const;
  // The bounds of position(): fill where padding can be met.
  Vec<Bounds> bounds(const Scalar& fill) const;
};

// The window of an operator whose first input is [batch, channel, spatial...]. The error is one of
// the model's attributes.
Result<Window> window_of(const InferCtx& c, const WindowAttributes& a);
Window window_of(const KernelBuilder& b, const WindowAttributes& a);

// The extents of w's window, which an attribute may state too. Of an InferCtx or a KernelBuilder.
template <class Ctx>
Result<Vec<int64_t>> window_extents(const Ctx& c, const Vec<int64_t>& stated) {
  const Vec<Dim>& w = c.in(1).shape;
  Vec<int64_t> extents;
  for (size_t axis = 2; axis < w.size(); ++axis) {
    const std::optional<int64_t> extent = w[axis].constant();
    if (!extent) {
      return c.error(kMustBeKnown, "the window has the symbolic extent " + to_text(w[axis]),
                     "bind the dims that it depends on");
    }
    extents.push_back(*extent);
  }
  if (!stated.empty() && stated != extents) {
    return c.error(kBadAttribute, "kernel_shape is not that of w");
  }
  return extents;
}

struct TransposedAttributes {
  // pads are what is cut off; ceil_mode has no meaning.
  WindowAttributes window = {};
  // Elements more at the high ends.
  Vec<int64_t> output_padding = {};
  // Of the spatial axes, others may come before them; it decides what is cut off.
  Vec<int64_t> output_shape = {};
};

// A window on the output: its element k, of input element i, is output element i * stride + k * dilation - pad_lo.
//
// An output element o meets only those k for which o + pad_lo - k * dilation is a multiple of the stride: every
// `every`-th one, the first of them k0(o). So a loop over `taps` steps has all of them, and no step is in vain where
// `every` divides the window.
struct TransposedAxis {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  Dim pad_lo = {};
  Dim in = {};
  Dim out = {};

  int64_t every() const;
  int64_t taps() const { return (kernel + every() - 1) / every(); }
  // Whether each step of each output element has an element of the window.
  bool is_even() const;
  // The window's and the input's element at a step: later ones of the input at later steps. The window's is kernel or
  // greater where it has none there; the input's is outside where the window reaches beyond it.
  Dim element(const Dim& o, const Dim& step) const;
  Dim position(const Dim& o, const Dim& step) const;
  // Whether all positions are inside of the input.
  bool is_inside(const RangeOf& range) const;

 private:
  Dim first_element(const Dim& o) const;
};

// As window_of(), of x and w.
Result<Vec<TransposedAxis>> transposed_window_of(const InferCtx& c, const TransposedAttributes& a);
Vec<TransposedAxis> transposed_window_of(const KernelBuilder& b, const TransposedAttributes& a);

}  // namespace rlx
