#include "kernel/border.h"

#include <algorithm>

namespace rlx {
namespace {

bool is_padded(const AxisPadding& p) { return p.lo != 0 || p.hi != 0 || p.multiple != 1; }

// Nothing where one of them depends on symbols.
std::optional<Vec<int64_t>> constants(const Vec<Dim>& dims) {
  Vec<int64_t> values;
  for (const Dim& d : dims) {
    const std::optional<int64_t> value = d.constant();
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

}  // namespace

// Physical dim by physical dim, from the outermost one: what lies before and behind its elements is border as a whole, and
// what is border within one of them is so in each.
Vec<BorderRun> border_of(const Storage& s, const Vec<Dim>& shape) {
  const auto extents = constants(physical_extents(s, shape));
  const auto strides = constants(physical_strides(s, shape));
  const auto inner = constants(shape);
  if (s.form != Form::kElements || !extents || !strides || !inner) return {};
  Vec<BorderRun> border;
  Vec<BorderRun::Repeat> repeats;
  int64_t base = 0;
  for (size_t d = 0; d < s.dims.size(); ++d) {
    const auto [axis, div, mod] = s.dims[d];
    const AxisPadding& p = s.padding[static_cast<size_t>(axis)];
    const int64_t step = (*strides)[d];
    int64_t lo = 0, count = (*extents)[d];
    if (is_padded(p)) {
      if (div != 1 || mod != 0) return {};
      lo = p.lo;
      count = (*inner)[static_cast<size_t>(axis)];
    }
    const int64_t hi = (*extents)[d] - lo - count;
    if (lo > 0) border.push_back({base, lo * step, repeats});
    if (hi > 0) border.push_back({base + (lo + count) * step, hi * step, repeats});
    if (count == 0) break;
    base += lo * step;
    if (count > 1) repeats.push_back({count, step});
  }
  return border;
}

int64_t elements_of(const Vec<BorderRun>& border) {
  int64_t elements = 0;
  for (const BorderRun& run : border) {
    int64_t times = 1;
    for (const BorderRun::Repeat& r : run.repeats) times *= r.count;
    elements += times * run.elements;
  }
  return elements;
}

}  // namespace rlx
