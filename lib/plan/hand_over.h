// What blocks give is handed over to the outputs of the node that owns them: by an item that copies it or gives memory
// to it, behind all others of its block, or by nothing, where it lies there already.
//
// What a loop carries lies where the node's output does: in this memory a trip finds what the last one gave. The result
// of a trip may lie there from the beginning if one kernel makes it, nobody looks at what the trip was given once that
// kernel has run, and the kernel itself may write over what it reads (in_place.h). Two values that change places may not,
// nor may one that is read once more behind its next one; those are copied at the end of the trip.
#pragma once
#include <set>

#include "lir/lir.h"
#include "plan/unit.h"

namespace rlx {

// Lays results of trips where their outputs lie, as far as they may lie there, and removes the items that hand them over.
// `units`, `choices`: of the items with nodes, in their order. Storages are laid out, buffers not assigned.
void carry_in_place(Lir& lir, const Vec<Unit>& units, const Vec<Alternative>& choices);

// The placed results of trips that lie where their outputs do; nullopt where a block does not hand over what it gives, or
// one of these may not lie there. `kernels`: one per Lir::groups.
std::optional<std::set<uint32_t>> carried_in_place(const Lir& lir,
                                                   const Vec<PlannedKernel>& kernels);

}  // namespace rlx
