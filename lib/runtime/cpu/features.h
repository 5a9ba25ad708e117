// What this machine's CPU can run, by LLVM's feature names.
#pragma once
#include <string>
#include <string_view>

#include "support/result.h"

namespace rlx::runtime::cpu {

// CPUID has the feature and the system saves its registers. False for a name not known here.
bool has_feature(std::string_view name);

// Those of `wanted` that this machine lacks, in their order.
Vec<std::string> missing_features(const Vec<std::string>& wanted);

}  // namespace rlx::runtime::cpu
