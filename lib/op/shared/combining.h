// What updates do to the elements at their places: scatter_elements and scatter_nd.
#pragma once
#include "op/op.h"

namespace rlx {

// Of "none", "add", "mul", "max" or "min".
std::optional<Combine> combine_of(std::string_view reduction);
// Refuses what is none of these, or cannot be done to elements of input 0's type where they lie.
Status require_combining(const InferCtx& c, std::string_view reduction);
// The first stage: input 0, copied.
void copy_data(KernelBuilder& b);

}  // namespace rlx
