#include "backend/cuda/module.h"

#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>

#include <mutex>

#include "backend/common/distinct.h"
#include "backend/common/ref.h"
#include "backend/cuda/algorithm.h"
#include "backend/cuda/machine.h"
#include "backend/llvm/passes.h"
#include "support/ending.h"

namespace rlx::backend::cuda {

namespace {

constexpr const char* kTriple = "nvptx64-nvidia-cuda";

void initialise_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    handle_llvm_errors();
  });
}

// The kernel's name in the letters that PTX has; numbered, as names may be equal then.
std::string function_name(size_t number, const std::string& kernel) {
  constexpr size_t kMost = 40;
  std::string name = "rlx_" + std::to_string(number) + "_";
  for (const char c : kernel.substr(0, kMost)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    name += plain ? c : '_';
  }
  return name;
}

}  // namespace

Vec<Launch> write_functions(llvm::Module& module, const Vec<PlannedKernel>& kernels,
                            const Vec<std::string>& symbols, const CudaTarget& target) {
  const Dedup d = deduplicated(kernels);
  Vec<Launch> of_function;
  for (size_t i = 0; i < d.functions.size(); ++i) {
    const Distinct& function = d.functions[i];
    const Kernel& kernel = kernels[function.first].kernel;
    const AtHand here("compile", node_of(kernel));
    const std::string name = function_name(i, kernel.name);
    const Algorithm* algorithm = find_algorithm(function.planned.choice.algorithm);
    const Work work = algorithm->emit({module, name, function.planned, symbols, target});
    of_function.push_back(
        {name, work.blocks, work.threads, work.shared_bytes, work.scratch_bytes, {}});
  }
  Vec<Launch> launches;
  for (size_t i = 0; i < kernels.size(); ++i) {
    launches.push_back(of_function[d.function_of[i]]);
    launches.back().sites = sites_of(kernels[i].kernel);
  }
  return launches;
}

Codegen::Codegen(const CudaTarget& target) {
  initialise_llvm();
  std::string error;
  const llvm::Triple triple(kTriple);
  const llvm::Target* llvm_target = llvm::TargetRegistry::lookupTarget(triple, error);
  RLX_CHECK(llvm_target, error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  machine_.reset(llvm_target->createTargetMachine(
      triple, target.arch, "+ptx" + std::to_string(target.ptx), options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

void Codegen::optimise(llvm::Module& module) {
  backend::optimise(module, *machine_, true);
  lower_calls(module);
}

std::string Codegen::ptx(llvm::Module& module) {
  return generate(module, *machine_, llvm::CodeGenFileType::AssemblyFile);
}

}  // namespace rlx::backend::cuda
