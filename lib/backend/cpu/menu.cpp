// What this backend can do with a kernel.
#include "backend/common/code.h"
#include "backend/cpu/codes.h"
#include "backend/cpu/nest.h"
#include "backend/cpu/tile.h"
#include "backend/cpu/window.h"

namespace rlx::cpu {

namespace {

Error refused(int code, const Stage& s, std::string what) {
  Diagnostic d{.code = code, .message = std::move(what)};
  d.node = s.origin.empty() ? s.name : s.origin.front();
  return Error(std::move(d));
}

Status check_accesses(const Kernel& k, const Stage& s) {
  for (const Vec<Access>* accesses : {&s.reads, &s.writes}) {
    for (const Access& a : *accesses) {
      bool arg = a.of == Access::Of::kArg;
      DType t = arg ? k.args[a.tensor].dtype : k.locals[a.tensor].dtype;
      if (t == DType::kString) {
        return refused(kUnsupportedElement, s, "the cpu backend has no strings, stage " + s.name);
      }
    }
  }
  return {};
}

// Nanoseconds at about two vector instructions each, for symbols of 128.
int64_t loops_cost(const Kernel& k) {
  int64_t cost = 0;
  int64_t points = 1;
  for (const Loop& l : k.grid) points *= std::max<int64_t>(1, estimate(l.extent));
  for (const Stage& s : k.stages) {
    int64_t steps = points;
    for (const Loop& l : s.loops) steps *= std::max<int64_t>(1, estimate(l.extent));
    cost += steps * static_cast<int64_t>(s.body.size() + s.reads.size() + s.writes.size() + 1);
  }
  return cost / kLanes;
}

}  // namespace

Result<Vec<Alternative>> menu(const Kernel& k, const Target& target) {
  for (const Stage& s : k.stages) {
    RLX_TRY_VOID(check_accesses(k, s));
  }
  Vec<Alternative> rows;
  if (auto tiled = tiled_alternative(k, target.cpu())) rows.push_back(std::move(*tiled));
  int64_t cost = loops_cost(k);
  if (auto windows = window_alternative(k)) {
    rows.push_back(std::move(*windows));
    rows.back().cost = cost / 4;
  }
  rows.push_back({.needs = Vec<Need>(k.args.size()), .cost = cost});
  return rows;
}

}  // namespace rlx::cpu
