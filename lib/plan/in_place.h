// Results that lie where an operand did: memory that is in the caches already, and no more of it.
//
// A kernel may write a result over an operand that nobody reads afterwards, if each of its grid points reads
// there only what no other one overwrites, and before it overwrites that itself. Its algorithm has to write each
// element once (Alternative::writes_once): what is computed again from what was overwritten is wrong.
#pragma once
#include <set>

#include "lir/lir.h"
#include "plan/views.h"

namespace rlx {

// Whether argument `to`, of the same shape and storage as `from`, may lie where that lies.
bool may_replace(const Kernel& k, size_t from, size_t to);

// Whether all values that lie in others, are no views and are not `carried` (hand_over.h) do so rightly: written by a
// kernel that may, over what nobody reads afterwards. `kernels`: one per Lir::groups.
bool is_in_place_sound(const Lir& lir, const Vec<PlannedKernel>& kernels, const Views& views,
                       const std::set<uint32_t>& carried);

}  // namespace rlx
