// What this backend can do with a kernel.
#include "backend/common/check.h"
#include "backend/common/codes.h"
#include "backend/cuda/algorithm.h"
#include "backend/cuda/cuda.h"
#include "kernel/codes.h"

namespace rlx::backend::cuda {
namespace {

// Half of the 4,352 bytes of parameters that every architecture has; the other half is for symbols.
constexpr size_t kMostArguments = 256;

Error refused(int code, const Kernel& k, std::string what) {
  Diagnostic d{.code = code, .message = std::move(what)};
  d.node = node_of(k);
  return Error(std::move(d));
}

Status check_kernel(const Kernel& k) {
  RLX_TRY_VOID(check_elements(k, "cuda"));
  if (k.args.size() <= kMostArguments) return {};
  return refused(kTooManyArguments, k,
                 "kernel " + k.name + " has " + std::to_string(k.args.size()) +
                     " tensors; on a GPU " + std::to_string(kMostArguments) + " are possible");
}

bool is_offered(const PlannedKernel& p, const CudaTarget& target) {
  const Algorithm* a = find_algorithm(p.choice.algorithm);
  if (!a || !a->fits(p.kernel, p.choice)) return false;
  return find_alternative(a->offer(p.kernel, target), p.kernel, p.choice.algorithm) != nullptr;
}

}  // namespace

Result<Vec<Alternative>> menu(const Kernel& k, const Target& target) {
  RLX_TRY_VOID(check_kernel(k));
  Vec<Alternative> rows;
  for (const Algorithm& a : algorithms()) {
    for (Alternative& row : a.offer(k, target.cuda())) rows.push_back(std::move(row));
  }
  if (!is_relaxed(k)) std::erase_if(rows, [](const Alternative& row) { return !row.exact; });
  return rows;
}

Status check_choice(const PlannedKernel& p, const Target& target) {
  RLX_TRY_VOID(check_kernel(p.kernel));
  if (is_offered(p, target.cuda())) return {};
  return refused(kUnmetNeed, p.kernel,
                 "kernel " + p.kernel.name + " cannot run as " + p.choice.algorithm +
                     " where its operands lie");
}

}  // namespace rlx::backend::cuda
