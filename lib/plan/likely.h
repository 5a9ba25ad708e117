// What dims are likely to be, which the option "likely" says: "batch=1,seq=128". Costs are then those of kernels with
// these extents, where open ones count as estimate() says; the kernels themselves stay open, and are right for any.
// A stored plan is replayed without them.
#pragma once
#include "plan/group.h"
#include "target/menu.h"

namespace rlx {

using LikelyDims = std::map<std::string, Dim>;

// Of the options of a plan; what is no number is left out.
LikelyDims likely_dims(const Vec<std::pair<std::string, std::string>>& options);

// The menu's rows for the kernel, at what they are likely to cost.
Result<Vec<Alternative>> likely_rows(const Kernel& k, const Target& target, Menu menu,
                                     const LikelyDims& likely);

}  // namespace rlx
