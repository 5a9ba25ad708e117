// What this backend can do with a kernel.
#include "backend/cpu/algorithm.h"
#include "backend/cpu/codes.h"
#include "backend/cpu/cpu.h"
#include "kernel/codes.h"

namespace rlx::backend::cpu {

namespace {

Error refused(int code, const Stage& s, std::string what) {
  Diagnostic d{.code = code, .message = std::move(what)};
  d.node = s.origin.empty() ? s.name : s.origin.front();
  return Error(std::move(d));
}

Status check_accesses(const Kernel& k, const Stage& s) {
  for (const Vec<Access>* accesses : {&s.reads, &s.writes}) {
    for (const Access& a : *accesses) {
      const bool arg = a.of == Access::Of::kArg;
      const DType t = arg ? k.args[a.tensor].dtype : k.locals[a.tensor].dtype;
      if (t == DType::kString) {
        return refused(kUnsupportedElement, s, "the cpu backend has no strings, stage " + s.name);
      }
    }
  }
  return {};
}

Status check_stages(const Kernel& k) {
  for (const Stage& s : k.stages) RLX_TRY_VOID(check_accesses(k, s));
  return {};
}

// What the algorithm offers for the kernel that the kernel allows.
Vec<Alternative> allowed_rows(const Algorithm& a, const Kernel& k, const CpuTarget& target) {
  Vec<Alternative> rows = a.offer(k, target);
  if (!is_relaxed(k)) std::erase_if(rows, [](const Alternative& row) { return !row.exact; });
  return rows;
}

// Whether an algorithm offers the choice for the kernel as it is stored.
bool is_offered(const PlannedKernel& p, const CpuTarget& target) {
  const Algorithm* a = find_algorithm(p.choice.algorithm);
  if (!a || !a->fits(p.kernel, p.choice)) return false;
  const Vec<Alternative> rows = allowed_rows(*a, p.kernel, target);
  return find_alternative(rows, p.kernel, p.choice.algorithm) != nullptr;
}

}  // namespace

Result<Vec<Alternative>> menu(const Kernel& k, const Target& target) {
  RLX_TRY_VOID(check_stages(k));
  Vec<Alternative> rows;
  for (const Algorithm& a : algorithms()) {
    for (Alternative& row : allowed_rows(a, k, target.cpu())) rows.push_back(std::move(row));
  }
  return rows;
}

Status check_choice(const PlannedKernel& p, const Target& target) {
  RLX_TRY_VOID(check_stages(p.kernel));
  if (is_offered(p, target.cpu())) return {};
  Diagnostic d{.code = kUnmetNeed,
               .message = "kernel " + p.kernel.name + " cannot run as " + p.choice.algorithm +
                          " where its operands lie"};
  d.node = node_of(p.kernel);
  return Error(std::move(d));
}

}  // namespace rlx::backend::cpu
