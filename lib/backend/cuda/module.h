// All kernels of a model as one module of LLVM, and that as PTX.
#pragma once
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>

#include "backend/cuda/cuda.h"

namespace rlx::backend::cuda {

// Writes the functions of kernels whose choices are checked; the Launches are theirs, one a kernel.
Vec<Launch> write_functions(llvm::Module& module, const Vec<PlannedKernel>& kernels,
                            const Vec<std::string>& symbols, const CudaTarget& target);

class Codegen {
 public:
  explicit Codegen(const CudaTarget& target);

  // Verifies the module and cleans it up: what --emit=llvm prints, and what tests run on the CPU.
  void optimise(llvm::Module& module);
  std::string ptx(llvm::Module& module);

 private:
  std::unique_ptr<llvm::TargetMachine> machine_;
};

}  // namespace rlx::backend::cuda
