// The CUDA backend, as others see it: what it offers for a kernel, and the PTX that it makes. LLVM-free, and
// without a GPU, a driver or a toolkit.
#pragma once
#include "backend/common/code.h"
#include "image/gpu_code.h"

namespace rlx::backend::cuda {

// The rows of all algorithms (algorithm.h). Errors 4xxx name the stage that none has code for.
Result<Vec<Alternative>> menu(const Kernel& k, const Target& target);

// How one kernel is started; image/gpu_code.h says what its parameters are.
struct Launch {
  std::string function;
  // A grid of one dimension; no blocks, no start.
  Dim blocks;
  int64_t threads = 1;
  // Beside what the function itself declares.
  int64_t shared_bytes = 0;
  Dim scratch_bytes;
  // Where user data can be found wrong (image::Trap::site - 1).
  Vec<image::Site> sites;
};

struct Module {
  // PTX of the lowest version that has the target.
  std::string ptx;
  // One a kernel; kernels that are equal but for names share their function.
  Vec<Launch> launches;
};

// `symbols` gives their order in the parameters. Error kUnmetNeed where a kernel's choice is not on its menu.
Result<Module> compile(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                       const Target& target);

// The same as an image has it (image/gpu_code.h).
Result<Code> compile_code(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                          const Target& target);

// The same as readable LLVM IR or PTX (--emit=llvm, --emit=ptx).
Result<std::string> compile_to_text(const Vec<PlannedKernel>& kernels,
                                    const Vec<std::string>& symbols, const Target& target,
                                    CodeText what);

}  // namespace rlx::backend::cuda
