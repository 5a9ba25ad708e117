#include "op/shared/part.h"

#include <algorithm>

namespace rlx {
namespace {

// Beyond any extent; exporters write INT64_MAX for "to the end".
constexpr int64_t kFar = int64_t{1} << 32;

Dim held_near(const Dim& d) {
  std::optional<int64_t> value = d.constant();
  return value ? Dim(std::clamp(*value, -kFar, kFar)) : d;
}

// The position in [lo, hi] that `where` names.
std::optional<Dim> position(const Dim& where, const Dim& extent, const Dim& lo, const Dim& hi,
                            const RangeOf& range) {
  Dim at = held_near(where);
  if (proven_nonnegative(Dim(-1) - at, range)) {
    at = at + extent;
  } else if (!proven_nonnegative(at, range)) {
    return std::nullopt;
  }
  // Outer first: an empty axis has lo above hi.
  return simplify(min(max(at, lo), hi), range);
}

}  // namespace

std::optional<Part> part_of_axis(int axis, const Dim& start, const Dim& end, int64_t step,
                                 const Dim& extent, const RangeOf& range) {
  const bool forward = step > 0;
  const Dim last = forward ? extent : extent - 1;
  std::optional<Dim> from = position(start, extent, 0, last, range);
  std::optional<Dim> to = position(end, extent, forward ? 0 : -1, last, range);
  if (!from || !to) return std::nullopt;
  const Dim distance = forward ? *to - *from : *from - *to;
  const Dim count = ceil_div(distance, forward ? step : -step);
  return Part{axis, *from, simplify(max(count, 0), range), step};
}

}  // namespace rlx
