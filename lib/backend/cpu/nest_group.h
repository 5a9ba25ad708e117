// Which stages share their loops: a step of plan_nest().
#pragma once
#include "backend/cpu/nest.h"

namespace rlx::backend::cpu {

// Consecutive maps and reductions that may share their loops; renames these to those of the group's first.
Vec<Group> group_stages(Kernel& k);

}  // namespace rlx::backend::cpu
