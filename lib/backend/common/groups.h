// Which stages run in one loop nest. LLVM-free.
//
// A stage may join those before it where each iteration of the shared loops touches, of every tensor that
// one of them writes, the same element in all of them: then running the iterations one by one instead of
// the stages one by one changes nothing. What a reduction writes is known after the loops only.
#pragma once
#include "backend/common/ref.h"

namespace rlx::backend {

// Stages that run in one loop nest: they have the same loops (by id), and the same ones are reduced over.
struct Group {
  // Consecutive stages [first, last).
  size_t first = 0, last = 0;
  // Whether the innermost loop runs over lanes.
  bool vector = false;
  // Or whether the last one that its reductions keep does: windows over channels that lie side by side.
  bool kept_lanes = false;
  // Or whether the 32 threads of a warp share the innermost loop of its reductions, each as one of their lanes.
  bool warp = false;
};

// A kernel's stages in groups, and the lanes that its loops run over. Without any (1) all code is scalar.
struct Grouped {
  Kernel kernel;
  Vec<Group> groups;
  // The grid loop over lanes, the last one; none: the stages' own.
  LoopId lane_loop = {};
  // Of a vector, and whether the target's are those of 512 bits, of which there are 32.
  int lanes = 1;
  bool wide = false;

  // By stage that sorts: the local of its keys, behind which is that of their indexes (add_sorted).
  std::map<size_t, uint32_t> sorted = {};

  bool lanes_in_grid() const { return lane_loop.valid(); }
  RefOptions options(const Group& g) const;
};

// Consecutive maps and reductions that may share their loops; renames these to those of the group's first.
Vec<Group> group_stages(Kernel& k);

// The refs of all stages. A row that only one group uses becomes a value in registers; one that others read
// too is kept as a value inside of its group.
Vec<StageRefs> refs_of(const Grouped& n);

// Locals of one element become rows of one, so that all of them lie in memory: where others than who wrote them
// read them.
void give_memory(Kernel& k);

// Whether a stage sorts: points of a vector would go different ways.
bool sorts(const Kernel& k);
// Gives each stage that sorts memory for the keys and indexes of the elements that come first, as locals.
void add_sorted(Grouped& n);

// How many of the stage's loops come before those that it reduces over (all of them in a map).
size_t kept_loops(const Stage& s);

}  // namespace rlx::backend
