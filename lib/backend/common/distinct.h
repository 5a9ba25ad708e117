// Kernels that are equal but for names share one function.
#pragma once
#include "target/menu.h"

namespace rlx {

struct Distinct {
  PlannedKernel planned;
  // Index of the first kernel that it stands for.
  size_t first = 0;
};

struct Dedup {
  // In the order of their first kernels.
  Vec<Distinct> functions;
  // By kernel.
  Vec<size_t> function_of;
};

Dedup deduplicated(const Vec<PlannedKernel>& kernels);

}  // namespace rlx
