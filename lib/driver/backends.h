// The one place that knows which backends this build has.
#pragma once
#include "backend/common/code.h"

namespace rlx::driver {

// Whether this build can compile; one without LLVM runs what is in the cache.
bool can_compile();
// Error 7001 where it cannot and no other build is there that can (full_build.h).
Status check_compiler();
// What the target's backend offers; a function that refuses where this build has none.
Menu menu_of(const Target& target);
Result<Code> emit_code(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                       const Target& target, int jobs);
// Where NVIDIA's assembler is, of this process (backend/cuda/toolkit.h).
void use_ptxas(const std::string& path);
Result<std::string> emit_text(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                              const Target& target, CodeText what);

}  // namespace rlx::driver
