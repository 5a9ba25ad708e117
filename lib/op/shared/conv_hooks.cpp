#include "op/shared/conv_hooks.h"

#include <algorithm>

#include "op/conv.h"

namespace rlx {
namespace {

bool are_attributes(const Vec<Dim>& pads) {
  return std::all_of(pads.begin(), pads.end(),
                     [](const Dim& d) { return d.constant().value_or(-1) >= 0; });
}

// A convolution with these zeros around the spatial axes, as attributes where they can be.
Wire convolve(Wire image, Wire w, ops::Conv o, const Vec<Dim>& low, const Vec<Dim>& high) {
  if (are_attributes(low) && are_attributes(high)) {
    for (const Vec<Dim>* side : {&low, &high}) {
      for (const Dim& d : *side) o.pads.push_back(*d.constant());
    }
    return image.formula->make(attrs(std::move(o)), {image, w});
  }
  Vec<Dim> before = {0, 0}, behind = {0, 0};
  before.insert(before.end(), low.begin(), low.end());
  behind.insert(behind.end(), high.begin(), high.end());
  return image.formula->make(attrs(std::move(o)), {pad(image, before, behind), w});
}

// x with axes `a` and a + 1 in each other's place.
Wire swapped(Wire x, size_t a) {
  if (!x.valid()) return x;
  Vec<int> axes = iota(0, x.rank());
  std::swap(axes[a], axes[a + 1]);
  return transpose(x, axes);
}

// [group * a, b, ...] to [group * b, a, ...].
Wire swapped_in_groups(Wire w, int64_t group) {
  if (group == 1) return swapped(w, 0);
  Vec<Dim> apart = w.shape();
  const Dim a = floor_div(apart[0], group), b = apart[1];
  apart[0] = a;
  apart.insert(apart.begin(), Dim(group));
  Vec<Dim> joined(apart.begin() + 1, apart.end());
  joined[0] = b * group;
  joined[1] = a;
  return reshape(swapped(reshape(w, apart), 1), joined);
}

// Images [n, group * c, ...] to [c, group * n, ...].
Wire channels_as_images(Wire x, int64_t group) {
  if (group == 1) return swapped(x, 0);
  Vec<Dim> apart = x.shape();
  const Dim n = apart[0], c = floor_div(apart[1], group);
  apart[1] = c;
  apart.insert(apart.begin() + 1, Dim(group));
  Vec<Dim> joined(apart.begin() + 1, apart.end());
  joined[0] = c;
  joined[1] = n * group;
  Vec<int> axes = iota(0, static_cast<int>(apart.size()));
  std::swap(axes[0], axes[2]);
  return reshape(transpose(reshape(x, apart), axes), joined);
}

Vec<Dim> channels_apart(const Vec<Dim>& image) {
  Vec<Dim> shape = image;
  shape[0] = image[0] * image[1];
  shape[1] = 1;
  return shape;
}

Wire ones(Formula& f, DType type, const Window& window) {
  Vec<Dim> shape = window.kernel();
  shape.insert(shape.begin(), 2, Dim(1));
  return f.full(type, shape, 1);
}

}  // namespace

Wire gradient_by_image(Wire outer, Wire w, const Window& window, int64_t group,
                       const Vec<Dim>& image) {
  ops::Conv o{.group = group};
  Vec<int64_t> steps = {1, 1};
  Vec<Dim> low, high;
  Vec<int> turned;
  for (const WindowAxis& a : window.axes) {
    if (a.kernel > 1) turned.push_back(static_cast<int>(steps.size()));
    steps.push_back(a.stride);
    o.dilations.push_back(a.dilation);
    low.push_back(Dim(a.reach() - 1) - a.pad_lo);
    high.push_back(a.in + a.pad_lo - a.out * a.stride);
  }
  const Wire apart = spread(outer, steps);
  const Wire weights = swapped_in_groups(flip(w, turned), group);
  return reshape(convolve(apart, weights, std::move(o), low, high), image);
}

Wire gradient_by_weights(Wire outer, Wire image, const Window& window, int64_t group,
                         const Vec<Dim>& weights) {
  ops::Conv o{.group = group};
  Vec<Dim> low, high;
  for (const WindowAxis& a : window.axes) {
    o.dilations.push_back(a.stride);
    o.strides.push_back(a.dilation);
    low.push_back(a.pad_lo);
    // To the end of the last window: no step of the new one lies beyond the kernel.
    high.push_back((a.out - 1) * a.stride + a.reach() - a.in - a.pad_lo);
  }
  const Wire windows = swapped(outer, 0);
  const Wire images = channels_as_images(image, group);
  const Wire sums = convolve(images, windows, std::move(o), low, high);
  return reshape(swapped(sums, 0), weights);
}

Wire gradient_of_window_sums(Wire outer, const Window& window, const Vec<Dim>& image) {
  const Wire apart = reshape(outer, channels_apart(outer.shape()));
  const Wire w = ones(*outer.formula, outer.dtype(), window);
  return reshape(gradient_by_image(apart, w, window, 1, channels_apart(image)), image);
}

Wire window_counts(Formula& f, DType type, const Window& window, bool with_padding) {
  ops::Conv o;
  Vec<Dim> shape = {1, 1}, low, high;
  for (const WindowAxis& a : window.axes) {
    o.strides.push_back(a.stride);
    o.dilations.push_back(a.dilation);
    const Dim reach = (a.out - 1) * a.stride + a.reach();
    shape.push_back(with_padding ? a.in + a.pad_lo + a.pad_hi : a.in);
    low.push_back(with_padding ? Dim(0) : a.pad_lo);
    high.push_back(reach - low.back() - shape.back());
  }
  const Wire elements = f.full(type, shape, 1);
  return convolve(elements, ones(f, type, window), std::move(o), low, high);
}

}  // namespace rlx
