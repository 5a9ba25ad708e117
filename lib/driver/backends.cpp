#include "driver/backends.h"

#include "backend/cpu/cpu.h"
#include "driver/codes.h"

namespace rlx::driver {
namespace {

// Used only without LLVM, and for targets whose backend is not there yet.
[[maybe_unused]] Error no_compiler() {
  return Error(kNoCompiler,
               "this rlx was built without LLVM: it runs what is in the cache and compiles nothing",
               "compile with a full build into the same cache");
}

Error no_cuda(const Target& target) {
  return Error(kNoBackend, "no backend for " + target.text + " yet",
               "use --target=host or a cpu: target");
}

#if !RLX_WITH_LLVM
Result<Vec<Alternative>> no_menu(const Kernel&, const Target&) { return no_compiler(); }
#endif

Result<Vec<Alternative>> no_cuda_menu(const Kernel&, const Target& target) {
  return no_cuda(target);
}

}  // namespace

#if RLX_WITH_LLVM

Menu menu_of(const Target& target) { return target.is_cpu() ? backend::cpu::menu : no_cuda_menu; }

Result<Code> emit_code(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                       const Target& target, int jobs) {
  if (!target.is_cpu()) return no_cuda(target);
  return backend::cpu::compile(kernels, symbols, target, jobs);
}

Result<std::string> emit_text(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                              const Target& target, CodeText what) {
  if (!target.is_cpu()) return no_cuda(target);
  return backend::cpu::compile_to_text(kernels, symbols, target, what);
}

#else

Menu menu_of(const Target& target) { return target.is_cpu() ? no_menu : no_cuda_menu; }

Result<Code> emit_code(const Vec<PlannedKernel>&, const Vec<std::string>&, const Target& target,
                       int) {
  return target.is_cpu() ? no_compiler() : no_cuda(target);
}

Result<std::string> emit_text(const Vec<PlannedKernel>&, const Vec<std::string>&,
                              const Target& target, CodeText) {
  return target.is_cpu() ? no_compiler() : no_cuda(target);
}

#endif

}  // namespace rlx::driver
