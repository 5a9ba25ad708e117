// From an emitted module to what a target's code generator takes, the same for every target of LLVM.
#pragma once
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <string>

namespace rlx::backend {

// What LLVM gives up on ends as a bug of ours does, and says at which node.
void handle_llvm_errors();

// Verifies the module and cleans it up. The shape of vectors is the emitters' and stays; that of loops too, but with
// `unroll` for those that emit_for() has marked.
void optimise(llvm::Module& module, llvm::TargetMachine& machine, bool unroll = false);
// The module as an object or as assembly.
std::string generate(llvm::Module& module, llvm::TargetMachine& machine,
                     llvm::CodeGenFileType type);

}  // namespace rlx::backend
