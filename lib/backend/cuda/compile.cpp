#include <llvm/IR/LLVMContext.h>
#include <llvm/Support/raw_ostream.h>

#include <map>

#include "backend/common/codes.h"
#include "backend/cuda/algorithm.h"
#include "backend/cuda/module.h"
#include "backend/cuda/toolkit.h"

namespace rlx::backend::cuda {

namespace {

// What parameters have room for beside a kernel's tensors.
constexpr size_t kMostSymbols = 256;

Status check(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
             const Target& target) {
  for (const PlannedKernel& p : kernels) RLX_TRY_VOID(check_choice(p, target));
  if (symbols.size() <= kMostSymbols) return {};
  return Error(kTooManyArguments,
               "the model has " + std::to_string(symbols.size()) + " open dims; on a GPU " +
                   std::to_string(kMostSymbols) + " are possible",
               "bind some of them: --dim NAME=NUMBER");
}

std::string printed(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, nullptr);
  return text;
}

}  // namespace

Result<Module> compile(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                       const Target& target) {
  RLX_TRY_VOID(check(kernels, symbols, target));
  llvm::LLVMContext context;
  llvm::Module module("model", context);
  Module made;
  made.launches = write_functions(module, kernels, symbols, target.cuda());
  Codegen codegen(target.cuda());
  codegen.optimise(module);
  made.ptx = codegen.ptx(module);
  return made;
}

Result<Code> compile_code(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                          const Target& target) {
  RLX_TRY(Module module, compile(kernels, symbols, target));
  image::GpuCode gpu{.ptx = std::move(module.ptx)};
  RLX_TRY(gpu.cubin, assemble(gpu.ptx, target.cuda()));
  Code code;
  std::map<std::string, uint64_t> functions;
  for (Launch& l : module.launches) {
    const auto [function, is_new] = functions.try_emplace(l.function, gpu.functions.size());
    if (is_new) gpu.functions.push_back({l.function, l.threads, l.shared_bytes});
    code.entries.push_back({function->second, l.blocks, l.scratch_bytes, std::move(l.sites)});
  }
  code.blob = encode(gpu);
  return code;
}

Result<std::string> compile_to_text(const Vec<PlannedKernel>& kernels,
                                    const Vec<std::string>& symbols, const Target& target,
                                    CodeText what) {
  if (what != CodeText::kLlvm) {
    RLX_TRY(Module made, compile(kernels, symbols, target));
    if (what == CodeText::kSass) return disassemble(made.ptx, target.cuda());
    return std::move(made.ptx);
  }
  RLX_TRY_VOID(check(kernels, symbols, target));
  llvm::LLVMContext context;
  llvm::Module module("model", context);
  write_functions(module, kernels, symbols, target.cuda());
  Codegen codegen(target.cuda());
  codegen.optimise(module);
  return printed(module);
}

}  // namespace rlx::backend::cuda
