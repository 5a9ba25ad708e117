// The CPU backend, as others see it: what it offers for a kernel, and the code it makes. LLVM-free.
#pragma once
#include "backend/common/code.h"

namespace rlx::backend::cpu {

// The rows of all algorithms (algorithm.h). Errors 4xxx name the stage that none has code for.
Result<Vec<Alternative>> menu(const Kernel& k, const Target& target);

// `symbols` gives the order of the `symbols` argument of every function. `threads` compile in parallel;
// the result does not depend on it. Error kUnmetNeed where a kernel's choice is not on its menu, or an
// operand does not lie as the choice needs.
Result<Code> compile(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                     const Target& target, int threads);

// The same as readable LLVM IR or assembly (--emit=llvm, --emit=asm).
Result<std::string> compile_to_text(const Vec<PlannedKernel>& kernels,
                                    const Vec<std::string>& symbols, const Target& target,
                                    CodeText what);

}  // namespace rlx::backend::cpu
