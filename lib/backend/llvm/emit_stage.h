// The stages of one group at one grid point: their loops, reductions, sums and scans.
#pragma once
#include "backend/common/groups.h"
#include "backend/llvm/emit_access.h"

namespace rlx::backend {

// How many of the group's loops all of its stages keep, those that end with the results left out.
size_t kept_loops(const Vec<StageRefs>& refs, const Group& g);
// What the group does at one point of the loops that it keeps. `refs` are those of all stages; `locals` the values
// of locals in registers.
void emit_group_at(Function& f, const Grouped& n, const Vec<StageRefs>& refs, const Group& g,
                   const Point& at, Regs& locals);
// At all of them, one after the other.
void emit_group(Function& f, const Grouped& n, const Vec<StageRefs>& refs, const Group& g,
                const Point& at, Regs& locals);

}  // namespace rlx::backend
