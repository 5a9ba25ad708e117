// The part of an axis that a slice takes.
#pragma once
#include "ir/dim.h"

namespace rlx {

// The elements first, first + step, ..., `count` of them, of one axis.
struct Part {
  int axis = 0;
  Dim first = {};
  Dim count = {};
  int64_t step = 1;
};

// From `start` to before `end` as ONNX and numpy clamp them. step is not 0.
Part part_of_axis(int axis, const Dim& start, const Dim& end, int64_t step, const Dim& extent,
                  const RangeOf& range);

}  // namespace rlx
