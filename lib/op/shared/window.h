// The geometry of convolutions and poolings: how a window moves over the spatial axes.
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

}  // namespace rlx
