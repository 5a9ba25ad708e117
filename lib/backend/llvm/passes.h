// From an emitted module to what a target's code generator takes, the same for every target of LLVM.
#pragma once
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <string>

namespace rlx::backend {

// What LLVM gives up on ends as a bug of ours does, and says at which node.
void handle_llvm_errors();

// Verifies the module and cleans it up; the shape of loops and vectors is the emitters' and stays.
void optimise(llvm::Module& module, llvm::TargetMachine& machine);
// The module as an object or as assembly.
std::string generate(llvm::Module& module, llvm::TargetMachine& machine,
                     llvm::CodeGenFileType type);

}  // namespace rlx::backend
