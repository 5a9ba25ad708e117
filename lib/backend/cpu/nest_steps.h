// The steps of plan_nest() that rewrite the kernel.
#pragma once
#include "backend/cpu/nest.h"

namespace rlx::cpu {

// Replaces loops in every index of the stage.
void substitute_loops(Stage& s, const std::map<LoopId, Dim>& loops);

// Orders parallel loops as the last result lies in memory; the lane loop comes last.
void order_grid(Kernel& k, LoopId lane_loop);
// Makes neighbouring parallel loops one where every address allows it. Gives the lane loop's new id.
LoopId merge_grid_loops(Kernel& k, LoopId lane_loop);
// Consecutive maps and reductions that may share their loops; renames these to those of the group's first.
Vec<Group> group_stages(Kernel& k);

}  // namespace rlx::cpu
