// What a CPU can run beyond the x86-64 baseline, by LLVM's feature names: the one list of those that targets
// name and code uses, and which of them this machine has.
#pragma once
#include <string>
#include <string_view>

#include "support/result.h"

namespace rlx {

bool is_cpu_feature(std::string_view name);

// CPUID has the feature and the system saves its registers. False for a name that is not in the list.
bool host_has(std::string_view feature);

// All that this machine has, sorted.
Vec<std::string> host_features();

// Those of `wanted` that this machine lacks, in their order.
Vec<std::string> missing_on_host(const Vec<std::string>& wanted);

}  // namespace rlx
