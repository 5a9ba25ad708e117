// Code for "loops": every kernel of map, reduce, scan, contract and conv stages, as nest.h plans it.
#pragma once
#include "backend/cpu/function.h"
#include "backend/cpu/nest.h"

namespace rlx::cpu {

// Writes the whole body of the function; f.kernel is n.kernel.
void emit_loops(Function& f, const Nest& n);

}  // namespace rlx::cpu
