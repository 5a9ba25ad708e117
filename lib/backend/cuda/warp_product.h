// "contract.warp": products of few rows, as those of a step of a language model, a warp a column. LLVM-free.
//
// What such a product costs is reading its right operand once. Each thread takes runs of eight steps of the depth, whose
// elements lie together in memory, and multiplies them with those of all rows; several runs are under way at once. At
// the end the threads of the warp add up what they have, in the order of their lanes: rows are not exact
// (docs/numerics.md).
#pragma once
#include "backend/cuda/product.h"

namespace rlx::backend::cuda {

inline constexpr int64_t kMostRows = 8;

Vec<Alternative> offer_warp_product(const Kernel& k, const CudaTarget& target);
// Its number is that of the columns of a warp.
bool fits_warp_product(const Kernel& k, const Choice& choice);
Work emit_warp_product(const Job& job);

}  // namespace rlx::backend::cuda
