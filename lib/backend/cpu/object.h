// From an LLVM module to machine code: passes, code generation, and a flat blob that needs no loader.
#pragma once
#include <llvm/IR/Module.h>

#include <memory>

#include "target/target.h"

namespace llvm {
class TargetMachine;
}

namespace rlx::backend::cpu {

// Machine code and its constants as one position-independent piece.
struct FlatCode {
  std::string bytes;
  // Where the module's one function starts.
  uint64_t entry = 0;
};

// One per thread, as LLVM's are.
class Codegen {
 public:
  explicit Codegen(const CpuTarget& target);
  ~Codegen();

  // Verifies the module and cleans it up; the shape of loops and vectors is the emitters' and stays.
  void optimise(llvm::Module& module);
  FlatCode flat_code(llvm::Module& module);
  std::string assembly(llvm::Module& module);

 private:
  std::unique_ptr<llvm::TargetMachine> machine_;
};

}  // namespace rlx::backend::cpu
