// How the window of a convolution lies over its image: read off the accesses of its stage, by the loops that stand in
// their indexes, whatever axes these are.
#pragma once
#include "kernel/kernel.h"

namespace rlx {

// One axis of the image that a window moves along.
struct ConvAxis {
  // Of the image.
  size_t axis = 0;
  // Element k of the window is the image's element start + k * dilation; start uses loops of the grid alone.
  LoopId window = {};
  Dim start = {};
  int64_t dilation = 1;
  // How far before the image the first window starts; negative where it starts inside.
  Dim pad = {};
  // Where start is pixel * stride - pad; none where windows start otherwise, as those of a transposed convolution.
  LoopId pixel = {};
  std::optional<int64_t> stride = std::nullopt;
};

struct ConvGeometry {
  // Of Stage::reads: the first load of x, and of w.
  uint32_t image = 0, weights = 0;
  // The image's axis that in_channel stands in.
  size_t channels = 0;
  // As Conv::window.
  Vec<ConvAxis> axes = {};
  // So many output channels on end read the same channels of the image: those of a group. 0: all do.
  Dim run = 0;
};

// Of a convolution. An error says in which way the accesses are none of one (kernel.h, Conv).
Result<ConvGeometry> conv_geometry(const Stage& s);

}  // namespace rlx
