// Stages that move a box of one value, unchanged, to a box of another: what concatenations, splits and slices are made
// of. Views (plan/views.h) and states (plan/states.h) are found in them.
#pragma once
#include <set>

#include "plan/unit.h"

namespace rlx {

// A stage that copies a box of one value to a box of another.
struct BoxCopy {
  size_t stage = 0;
  ValueId from, to;
  Vec<Dim> from_start = {}, to_start = {}, shape = {};

  // Where all of `from` would begin in `to`.
  Vec<Dim> shift() const;
};

// Of a kernel, in the order of its stages; none to a value that another stage writes over, as a scatter does: its elements
// are not those of what was copied.
Vec<BoxCopy> box_copies_of(const Kernel& k);
// Whether what is read is all of a value of that shape: boxes behind each other along one axis. There is at least one.
bool reads_all(const Vec<BoxCopy>& copies, const Vec<Dim>& shape);
// Removes these stages, and arguments and locals that nobody uses then.
void remove_stages(Kernel& k, const std::set<size_t>& gone);

}  // namespace rlx
