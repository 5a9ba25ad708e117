// The order in which units run, as a list: moving a unit and asking which of two comes first take no walk over
// the others.
#pragma once
#include "support/ids.h"
#include "support/result.h"

namespace rlx {

using UnitId = Id<struct UnitTag>;

class UnitOrder {
 public:
  // Units 0, 1, ... in that order.
  explicit UnitOrder(size_t units);

  // Invalid where there is none.
  UnitId first() const { return after(end_); }
  UnitId after(UnitId u) const;
  bool is_before(UnitId a, UnitId b) const { return label_[a.index] < label_[b.index]; }

  void remove(UnitId u);
  // Puts units that were removed just behind u, in the order given.
  void insert_behind(UnitId u, const Vec<UnitId>& units);

 private:
  bool has_labels_behind(UnitId u, size_t wanted) const;
  void label_all();
  void link(UnitId a, UnitId b);

  // Stands before the first and after the last.
  UnitId end_;
  Vec<UnitId> before_, after_;
  // Ascending along the list, with gaps for what is inserted.
  Vec<uint64_t> label_;
};

}  // namespace rlx
