// States: graph outputs that hold a graph input from its beginning, with more behind it, such as the keys and values of
// an attention over all that went by. Where such an output is fed back as the input, copying what is there already would
// cost more with every step; in a memory with room for more, the step appends to it in place.
//
// Found in the kernels, after views: what copies all of an input, unchanged, to the same place of an output of the same
// shape but along one axis. It is taken out of its kernel and becomes an item of its own, which need not run where both
// lie in one memory. Nobody else writes there, as writes of a value are disjoint; so readers of the input see the same
// bytes in either case, and the plan is the same for both. Extents that are numbers cannot grow, and for
// what only the run tells there is no room before: no state then.
//
// The outcome is a function of the units alone: replaying a LIR gives the same states.
#pragma once
#include "lir/lir.h"
#include "plan/unit.h"

namespace rlx {

// Removes the stages that copy an input to where its state's output holds it, and units that have no stage left.
Vec<State> take_states(Vec<Unit>& units, const Graph& g);

// Whether the first items of the LIR copy the input of each of its states to the output, before anybody reads it there.
bool are_states_copied(const Lir& lir);

}  // namespace rlx
