// Which stages run in one loop nest: a step of plan_nest().
//
// A stage may join those before it where each iteration of the shared loops touches, of every tensor that
// one of them writes, the same element in all of them: then running the iterations one by one instead of
// the stages one by one changes nothing. What a reduction writes is known after the loops only.
#pragma once
#include "backend/cpu/nest.h"

namespace rlx::backend::cpu {

// Consecutive maps and reductions that may share their loops; renames these to those of the group's first.
Vec<Group> group_stages(Kernel& k);

}  // namespace rlx::backend::cpu
