#include "backend/llvm/passes.h"

#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/BasicAliasAnalysis.h>
#include <llvm/Analysis/LastRunTrackingAnalysis.h>
#include <llvm/Analysis/MemorySSA.h>
#include <llvm/Analysis/OptimizationRemarkEmitter.h>
#include <llvm/Analysis/ProfileSummaryInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScopedNoAliasAA.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/InferAlignment.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/LoopUnrollPass.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <mutex>

#include "support/codes.h"
#include "support/ending.h"

namespace rlx::backend {

namespace {

// What LLVM gives up on is a bug of ours, unless it had no memory.
void end_of_llvm(void*, const char* reason, bool) {
  end_with({.code = kInternalError,
            .message = reason,
            .node = at_hand(),
            .hint = "a bug of rlx: please report this line with the command and the model"});
}
void memory_of_llvm(void*, const char*, bool) { end_without_memory(0); }

// The analyses that our few passes ask for, so that no others are linked in.
class Analyses {
 public:
  explicit Analyses(llvm::TargetMachine& machine) {
    function.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
    function.registerPass([] { return llvm::AssumptionAnalysis(); });
    function.registerPass([] { return llvm::BasicAA(); });
    function.registerPass([] { return llvm::ScopedNoAliasAA(); });
    function.registerPass([] { return alias_analysis(); });
    function.registerPass([] { return llvm::DominatorTreeAnalysis(); });
    function.registerPass([] { return llvm::LastRunTrackingAnalysis(); });
    function.registerPass([] { return llvm::LoopAnalysis(); });
    function.registerPass([] { return llvm::MemorySSAAnalysis(); });
    function.registerPass([] { return llvm::OptimizationRemarkEmitterAnalysis(); });
    function.registerPass([] { return llvm::ScalarEvolutionAnalysis(); });
    function.registerPass([] { return llvm::TargetLibraryAnalysis(); });
    function.registerPass([&] { return machine.getTargetIRAnalysis(); });
    function.registerPass([&] { return llvm::LoopAnalysisManagerFunctionProxy(loop); });
    function.registerPass([&] { return llvm::ModuleAnalysisManagerFunctionProxy(module); });
    loop.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
    loop.registerPass([&] { return llvm::FunctionAnalysisManagerLoopProxy(function); });
    module.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
    module.registerPass([] { return llvm::ProfileSummaryAnalysis(); });
    module.registerPass([&] { return llvm::FunctionAnalysisManagerModuleProxy(function); });
  }

  llvm::LoopAnalysisManager loop;
  llvm::FunctionAnalysisManager function;
  llvm::ModuleAnalysisManager module;

 private:
  static llvm::AAManager alias_analysis() {
    llvm::AAManager manager;
    manager.registerFunctionAnalysis<llvm::BasicAA>();
    manager.registerFunctionAnalysis<llvm::ScopedNoAliasAA>();
    return manager;
  }
};

llvm::FunctionPassManager make_passes(bool unroll) {
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), true));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::SimplifyCFGPass());
  if (unroll) {
    passes.addPass(llvm::LoopUnrollPass(llvm::LoopUnrollOptions(2, true)));
    passes.addPass(llvm::EarlyCSEPass(true));
    passes.addPass(llvm::SimplifyCFGPass());
  }
  passes.addPass(llvm::InstCombinePass());
  // What makes one access of neighbouring ones goes by what accesses say of themselves.
  passes.addPass(llvm::InferAlignmentPass());
  return passes;
}

void check_module(llvm::Module& module) {
  std::string message;
  llvm::raw_string_ostream out(message);
  RLX_CHECK(!llvm::verifyModule(module, &out), message);
}

}  // namespace

void handle_llvm_errors() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::install_fatal_error_handler(end_of_llvm);
    llvm::install_bad_alloc_error_handler(memory_of_llvm);
  });
}

void optimise(llvm::Module& module, llvm::TargetMachine& machine, bool unroll) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  check_module(module);
  Analyses analyses(machine);
  llvm::FunctionPassManager passes = make_passes(unroll);
  for (llvm::Function& f : module) {
    if (!f.isDeclaration()) passes.run(f, analyses.function);
  }
}

std::string generate(llvm::Module& module, llvm::TargetMachine& machine,
                     llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  const bool failed = machine.addPassesToEmitFile(passes, out, nullptr, type);
  RLX_CHECK(!failed, "the target writes no files");
  passes.run(module);
  return {bytes.begin(), bytes.end()};
}

}  // namespace rlx::backend
