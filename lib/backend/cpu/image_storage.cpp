#include "backend/cpu/image_storage.h"

#include <algorithm>

namespace rlx::backend::cpu {
namespace {

// Every loop at its start, but those of `ends` at their ends.
Dim at_ends(const Dim& d, const Vec<Loop>& ends, const Vec<Loop>& more_ends = {}) {
  return substitute(d, [&](const Atom& a) -> std::optional<Dim> {
    if (a.kind != Atom::Kind::kLoop) return std::nullopt;
    const Loop* l = find_loop(ends, a.loop);
    if (!l) l = find_loop(more_ends, a.loop);
    return l ? l->extent - 1 : Dim(0);
  });
}

}  // namespace

Storage with_last(const Arg& arg, size_t axis) {
  Vec<int> order;
  for (size_t i = 0; i < arg.shape.size(); ++i) {
    if (i != axis) order.push_back(static_cast<int>(i));
  }
  order.push_back(static_cast<int>(axis));
  Storage s = Storage::ordered(order);
  auto n = arg.shape[axis].constant();
  if (!n || *n <= kLanes || *n % kLanes == 0) return s;
  s.padding[axis].multiple = kLanes;
  s.fill = Scalar::of(arg.dtype, 0);
  return s;
}

AxisPadding halo_of(const Kernel& k, const Stage& s, const Dim& index, const Dim& extent) {
  const Dim first = at_ends(index, {});
  const Dim reach = at_ends(index, s.loops) - first;
  const Dim past = at_ends(index, s.loops, k.grid) - extent + 1;
  AxisPadding p;
  p.lo = std::max<int64_t>(0, -first.constant().value_or(0));
  p.hi = std::max<int64_t>(0, past.constant().value_or(reach.constant().value_or(0)));
  return p;
}

}  // namespace rlx::backend::cpu
