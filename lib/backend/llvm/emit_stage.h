// The stages of one group at one grid point: their loops, reductions, sums and scans.
#pragma once
#include "backend/common/groups.h"
#include "backend/llvm/emit_access.h"

namespace rlx::backend {

// `refs` are those of all stages; `locals` the values of locals in registers.
void emit_group(Function& f, const Grouped& n, const Vec<StageRefs>& refs, const Group& g,
                const Point& at, Regs& locals);

}  // namespace rlx::backend
