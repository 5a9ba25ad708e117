// What this backend can do with a kernel.
#include "backend/common/check.h"
#include "backend/cpu/algorithm.h"
#include "backend/cpu/cpu.h"
#include "kernel/codes.h"

namespace rlx::backend::cpu {

namespace {

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
  RLX_TRY_VOID(check_elements(k, "cpu"));
  Vec<Alternative> rows;
  for (const Algorithm& a : algorithms()) {
    for (Alternative& row : allowed_rows(a, k, target.cpu())) rows.push_back(std::move(row));
  }
  return rows;
}

Status check_choice(const PlannedKernel& p, const Target& target) {
  RLX_TRY_VOID(check_elements(p.kernel, "cpu"));
  if (is_offered(p, target.cpu())) return {};
  Diagnostic d{.code = kUnmetNeed,
               .message = "kernel " + p.kernel.name + " cannot run as " + p.choice.algorithm +
                          " where its operands lie"};
  d.node = node_of(p.kernel);
  return Error(std::move(d));
}

}  // namespace rlx::backend::cpu
