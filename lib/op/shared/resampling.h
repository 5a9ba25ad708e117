// Where the elements of a resized axis come from: coordinates on the axis as it was, and the elements about them. All is
// computed as onnxruntime does, in f32, since a coordinate between two elements decides by its last bit.
#pragma once
#include "op/shared/formula.h"

namespace rlx {

// One resized axis.
struct Resampling {
  int axis = 0;
  Dim in, out;
  // Given, else out / in.
  std::optional<float> scale = {};
  // ONNX's names (Resize).
  std::string_view coordinates, nearest;
  // Of "tf_crop_and_resize": where it starts and ends, as a part of the axis; f32 scalars.
  std::optional<Wire> start = {}, end = {};

  // Whether output element i comes from element i / n: n, a whole number.
  std::optional<int64_t> repeats() const;
  // Whether nothing moves.
  bool is_identity() const;
};

// Elements of the axis as it was, and what of each counts; both [out].
struct Tap {
  // i64, within the axis.
  Wire index;
  // f32; none: all of it.
  Wire weight;
};

// f32[out].
Wire coordinates(Formula& f, const Resampling& r);
// Whether the coordinates lie outside of the axis: bool[out].
Wire are_outside(Wire coordinates, const Resampling& r);

Vec<Tap> nearest_taps(Wire coordinates, const Resampling& r);
Vec<Tap> linear_taps(Wire coordinates, const Resampling& r);
// Of the convolution with Keys' kernel, whose parameter is `a`. `inside`: elements outside of the axis count nothing, and
// the others more; else those at its ends count for them.
Vec<Tap> cubic_taps(Wire coordinates, const Resampling& r, float a, bool inside);
// Where the axis shrinks the kernel grows, so that each element counts somewhere: one tap an element of the axis, and
// of as many on both sides as the kernel is wide. `cubic`: Keys' kernel, else a triangle.
struct SmoothTaps {
  // i64[elements], within the axis.
  Wire index;
  // f32[out, elements].
  Wire weights;
};
SmoothTaps smooth_taps(Wire coordinates, const Resampling& r, bool cubic, float a, bool inside);

// A vector of the axis to be broadcast with a tensor of that rank.
Wire along_axis(Wire v, const Resampling& r, int rank);
// The elements of x along the axis that the indexes say.
Wire chosen(Wire x, const Resampling& r, Wire index);
// Those that the taps say, weighted.
Wire resampled(Wire x, const Resampling& r, const Vec<Tap>& taps);

}  // namespace rlx
