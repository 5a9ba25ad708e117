// The processor's own maximum and minimum of floats.
#pragma once
#include "backend/cpu/function.h"

namespace rlx::cpu {

// b > a ? b : a, with `max` unset b < a ? b : a; lane by lane, f32 or f64, scalars too.
//
// LLVM would make the same of a comparison and a select, but takes chains of those apart as if 0 and -0 were
// one number; an instruction by name stays what it is.
llvm::Value* emit_extremum(Function& f, bool max, llvm::Value* b, llvm::Value* a);

}  // namespace rlx::cpu
