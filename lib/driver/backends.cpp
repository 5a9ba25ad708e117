#include "driver/backends.h"

#include "backend/cpu/cpu.h"
#include "backend/cuda/cuda.h"
#include "backend/cuda/toolkit.h"
#include "driver/codes.h"
#include "driver/full_build.h"

namespace rlx::driver {
namespace {

Error no_compiler() {
  return Error(kNoCompiler,
               "this rlx was built without LLVM: it runs what is in the cache and compiles nothing",
               "compile with a full build into the same cache");
}

#if !RLX_WITH_LLVM
Result<Vec<Alternative>> no_menu(const Kernel&, const Target&) { return no_compiler(); }
#endif

}  // namespace

bool can_compile() { return RLX_WITH_LLVM != 0; }

Status check_compiler() {
  become_full_build();
  if (can_compile()) return {};
  return no_compiler();
}

#if RLX_WITH_LLVM

Menu menu_of(const Target& target) {
  return target.is_cpu() ? backend::cpu::menu : backend::cuda::menu;
}

Result<Code> emit_code(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                       const Target& target, int jobs) {
  return target.is_cpu() ? backend::cpu::compile(kernels, symbols, target, jobs)
                         : backend::cuda::compile_code(kernels, symbols, target);
}

void use_ptxas(const std::string& path) { backend::cuda::use_ptxas(path); }

Result<std::string> emit_text(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                              const Target& target, CodeText what) {
  return target.is_cpu() ? backend::cpu::compile_to_text(kernels, symbols, target, what)
                         : backend::cuda::compile_to_text(kernels, symbols, target, what);
}

#else

Menu menu_of(const Target&) { return no_menu; }

Result<Code> emit_code(const Vec<PlannedKernel>&, const Vec<std::string>&, const Target&, int) {
  return no_compiler();
}

void use_ptxas(const std::string&) {}

Result<std::string> emit_text(const Vec<PlannedKernel>&, const Vec<std::string>&, const Target&,
                              CodeText) {
  return no_compiler();
}

#endif

}  // namespace rlx::driver
