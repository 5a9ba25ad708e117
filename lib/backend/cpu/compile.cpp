#include <llvm/IR/LLVMContext.h>

#include <atomic>
#include <thread>

#include "backend/common/distinct.h"
#include "backend/cpu/algorithm.h"
#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/object.h"
#include "support/ending.h"

namespace rlx::backend::cpu {

namespace {

// ---- One function -----------------------------------------------------------------------------

Status check_choices(const Vec<PlannedKernel>& kernels, const Target& target) {
  for (const PlannedKernel& p : kernels) RLX_TRY_VOID(check_choice(p, target));
  return {};
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
  const AtHand here("compile", node_of(kernel));
  llvm::LLVMContext context;
  llvm::Module module(name.empty() ? "kernel" : name, context);
  Made made;
  const Algorithm* algorithm = find_algorithm(d.planned.choice.algorithm);
  made.work =
      algorithm->emit({module, module.getModuleIdentifier(), d.planned, r.symbols, r.target});
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
  const size_t helpers = std::min(made.size(), static_cast<size_t>(std::max(threads, 1)));
  for (size_t t = 1; t < helpers; ++t) pool.emplace_back(work);
  work();
  for (std::thread& t : pool) t.join();
  return made;
}

// What LLVM may use anywhere, and what emitters used by name.
Vec<std::string> features_of(const Vec<Made>& made, const CpuTarget& target) {
  Vec<std::string> common = code_features(target);
  std::set<std::string> all(common.begin(), common.end());
  for (const Made& m : made) all.insert(m.work.features.begin(), m.work.features.end());
  return {all.begin(), all.end()};
}

// ---- The blob ---------------------------------------------------------------------------------

constexpr size_t kCodeAlignment = 64;

uint64_t append(std::string& blob, const FlatCode& code) {
  blob.resize((blob.size() + kCodeAlignment - 1) / kCodeAlignment * kCodeAlignment);
  const uint64_t entry = blob.size() + code.entry;
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
    const size_t f = d.function_of[i];
    const Work& work = made[f].work;
    code.entries.push_back(
        {entries[f], work.tiles, work.scratch_bytes, sites_of(kernels[i].kernel)});
  }
  code.isa = features_of(made, target.cpu());
  return code;
}

Result<std::string> compile_to_text(const Vec<PlannedKernel>& kernels,
                                    const Vec<std::string>& symbols, const Target& target,
                                    CodeText what) {
  RLX_TRY_VOID(check_choices(kernels, target));
  const Dedup d = deduplicated(kernels);
  std::string text;
  for (const Made& m : make_all({kernels, symbols, target.cpu(), what}, d, 1)) text += m.text;
  return text;
}

}  // namespace rlx::backend::cpu
