#include <llvm/IR/LLVMContext.h>

#include <atomic>
#include <thread>

#include "backend/common/code.h"
#include "backend/common/distinct.h"
#include "backend/cpu/contract.h"
#include "backend/cpu/loops.h"
#include "backend/cpu/object.h"
#include "kernel/codes.h"
#include "support/ending.h"

namespace rlx::cpu {

namespace {

// ---- One function -----------------------------------------------------------------------------

bool is_tiled(const Choice& c) {
  return c.algorithm == "contract.panel" || c.algorithm == "conv.direct";
}

// The algorithm must be on the kernel's menu, and find every operand stored as it needs.
Status check_choice(const PlannedKernel& p, const Target& target) {
  RLX_TRY(Vec<Alternative> rows, menu(p.kernel, target));
  bool fits = find_alternative(rows, p.kernel, p.choice.algorithm) != nullptr;
  if (is_tiled(p.choice)) fits = fits && is_tile(p.choice.tile) && can_tile(p.kernel);
  if (fits) return {};
  Diagnostic d{.code = kUnmetNeed,
               .message = "kernel " + p.kernel.name + " cannot run as " + p.choice.algorithm +
                          " where its operands lie"};
  d.node = p.kernel.stages[0].origin.empty() ? p.kernel.name : p.kernel.stages[0].origin.front();
  return Error(std::move(d));
}

Status check_choices(const Vec<PlannedKernel>& kernels, const Target& target) {
  for (const PlannedKernel& p : kernels) RLX_TRY_VOID(check_choice(p, target));
  return {};
}

Work emit_kernel(llvm::Module& module, const std::string& name, const PlannedKernel& p,
                 const Vec<std::string>& symbols, const CpuTarget& target) {
  if (is_tiled(p.choice)) {
    Kernel k = p.kernel;
    for (Stage& s : k.stages) expand_math(s);
    Function f(module, name, k, symbols, target);
    emit_tiled(f, p.choice, target);
    f.finish();
    return tiled_work(k, p.choice, target);
  }
  RLX_CHECK(p.choice.algorithm == "loops", "no algorithm is called " + p.choice.algorithm);
  Nest n = plan_nest(p.kernel, Isa(target));
  Function f(module, name, n.kernel, symbols, target);
  emit_loops(f, n);
  f.finish();
  return {n.tiles, n.scratch_bytes};
}

// What a thread makes of one function.
struct Made {
  Work work;
  FlatCode code;
  std::string text;
};

struct Request {
  const Vec<PlannedKernel>& kernels;
  const Vec<std::string>& symbols;
  const CpuTarget& target;
  std::optional<CodeText> text = std::nullopt;
};

std::string printed(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, nullptr);
  return text;
}

Made make(const Request& r, const Distinct& d, Codegen& codegen) {
  const Kernel& kernel = r.kernels[d.first].kernel;
  const std::string& name = kernel.name;
  AtHand here("compile", node_of(kernel));
  llvm::LLVMContext context;
  llvm::Module module(name.empty() ? "kernel" : name, context);
  Made made;
  made.work = emit_kernel(module, module.getName().str(), d.planned, r.symbols, r.target);
  codegen.optimise(module);
  if (!r.text) made.code = codegen.flat_code(module);
  if (r.text == CodeText::kLlvm) made.text = printed(module);
  if (r.text == CodeText::kAsm) made.text = codegen.assembly(module);
  return made;
}

// Threads take the functions one by one; each result has its own place, so that their order is no matter.
Vec<Made> make_all(const Request& r, const Dedup& d, int threads) {
  Vec<Made> made(d.functions.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    Codegen codegen(r.target);
    for (size_t i = next++; i < made.size(); i = next++) made[i] = make(r, d.functions[i], codegen);
  };
  Vec<std::thread> pool;
  size_t helpers = std::min(made.size(), static_cast<size_t>(std::max(threads, 1)));
  for (size_t t = 1; t < helpers; ++t) pool.emplace_back(work);
  work();
  for (std::thread& t : pool) t.join();
  return made;
}

// ---- The blob ---------------------------------------------------------------------------------

constexpr size_t kCodeAlignment = 64;

uint64_t append(std::string& blob, const FlatCode& code) {
  blob.resize((blob.size() + kCodeAlignment - 1) / kCodeAlignment * kCodeAlignment);
  uint64_t entry = blob.size() + code.entry;
  blob += code.bytes;
  return entry;
}

}  // namespace

Result<Code> compile(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                     const Target& target, int threads) {
  RLX_TRY_VOID(check_choices(kernels, target));
  Dedup d = deduplicated(kernels);
  Vec<Made> made = make_all({kernels, symbols, target.cpu()}, d, threads);
  Code code;
  Vec<uint64_t> entries;
  for (const Made& m : made) entries.push_back(append(code.blob, m.code));
  for (size_t i = 0; i < kernels.size(); ++i) {
    size_t f = d.function_of[i];
    const Work& work = made[f].work;
    code.entries.push_back(
        {entries[f], work.tiles, work.scratch_bytes, sites_of(kernels[i].kernel)});
  }
  code.isa = code_features(target.cpu());
  return code;
}

Result<std::string> compile_to_text(const Vec<PlannedKernel>& kernels,
                                    const Vec<std::string>& symbols, const Target& target,
                                    CodeText what) {
  RLX_TRY_VOID(check_choices(kernels, target));
  Dedup d = deduplicated(kernels);
  std::string text;
  for (const Made& m : make_all({kernels, symbols, target.cpu(), what}, d, 1)) text += m.text;
  return text;
}

}  // namespace rlx::cpu
