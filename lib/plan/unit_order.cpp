#include "plan/unit_order.h"

namespace rlx {
namespace {

constexpr uint64_t kLabelGap = uint64_t{1} << 31;

}  // namespace

UnitOrder::UnitOrder(size_t units)
    : end_(units), before_(units + 1), after_(units + 1), label_(units + 1) {
  for (size_t u = 0; u <= units; ++u) link(UnitId(u), UnitId(u == units ? 0 : u + 1));
  label_all();
}

UnitId UnitOrder::after(UnitId u) const {
  const UnitId next = after_[u.index];
  return next == end_ ? UnitId() : next;
}

void UnitOrder::remove(UnitId u) { link(before_[u.index], after_[u.index]); }

void UnitOrder::insert_behind(UnitId u, const Vec<UnitId>& units) {
  const UnitId next = after_[u.index];
  UnitId last = u;
  const bool fits = has_labels_behind(u, units.size());
  const uint64_t gap = (label_[next.index] - label_[u.index]) / (units.size() + 1);
  for (const UnitId moved : units) {
    label_[moved.index] = label_[last.index] + gap;
    link(last, moved);
    last = moved;
  }
  link(last, next);
  if (!fits) label_all();
}

bool UnitOrder::has_labels_behind(UnitId u, size_t wanted) const {
  return label_[after_[u.index].index] - label_[u.index] > wanted;
}

void UnitOrder::label_all() {
  uint64_t label = 0;
  for (UnitId u = first(); u.valid(); u = after(u)) label_[u.index] = label += kLabelGap;
  label_[end_.index] = label + kLabelGap;
}

void UnitOrder::link(UnitId a, UnitId b) {
  after_[a.index] = b;
  before_[b.index] = a;
}

}  // namespace rlx
