#include "op/shared/part.h"

#include <algorithm>

namespace rlx {
namespace {

// Exporters write INT64_MAX for "to the end".
int64_t held_near(int64_t value) { return std::clamp(value, -kMostBytes, kMostBytes); }

Dim held_near(const Dim& d) {
  std::optional<int64_t> value = d.constant();
  return value ? Dim(held_near(*value)) : d;
}

// 1 where d is negative, else 0.
Dim is_negative(const Dim& d, const RangeOf& range) {
  if (proven_nonnegative(d, range)) return 0;
  if (proven_nonnegative(Dim(-1) - d, range)) return 1;
  return min(max(Dim(0) - d, 0), 1);
}

// The position that `where` names, be it before or behind the axis.
Dim position(const Dim& where, const Dim& extent, const RangeOf& range) {
  const Dim at = held_near(where);
  return at + extent * is_negative(at, range);
}

Dim clamped(const Dim& at, const Dim& lo, const Dim& hi, const RangeOf& range) {
  // Outer first: an empty axis has lo above hi.
  return simplify(min(max(at, lo), hi), range);
}

}  // namespace

Part part_of_axis(int axis, const Dim& start, const Dim& end, int64_t step, const Dim& extent,
                  const RangeOf& range) {
  const bool forward = step > 0;
  // No axis has a second element that far away.
  step = held_near(step);
  const Dim last = forward ? extent : extent - 1;
  const Dim begin = position(start, extent, range), stop = position(end, extent, range);
  const Dim from = clamped(begin, 0, last, range);
  // Each side is clamped to the end that it moves away from; where it lies beyond the other end the
  // distance is negative anyway. min(1, n) says more of x[-1:] than n - max(n - 1, 0).
  const Dim to = clamped(stop, 0, last, range);
  const Dim distance = forward ? min(to - begin, to) : min(from - stop, from + 1);
  const Dim count = ceil_div(simplify(distance, range), forward ? step : -step);
  return Part{axis, from, simplify(max(count, 0), range), step};
}

}  // namespace rlx
