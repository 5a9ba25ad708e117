#include "backend/cuda/algorithm.h"

#include <algorithm>

#include "backend/cuda/blocks.h"
#include "backend/cuda/matrix.h"
#include "backend/cuda/points.h"
#include "backend/cuda/product.h"
#include "backend/cuda/warp_product.h"

namespace rlx::backend::cuda {
namespace {

constexpr Algorithm kAlgorithms[] = {
    {"contract.mma", offer_matrix, fits_matrix, emit_matrix},
    {"contract.warp", offer_warp_product, fits_warp_product, emit_warp_product},
    {"contract.shared", offer_product, fits_product, emit_product},
    {"blocks", offer_blocks, fits_blocks, emit_blocks},
    {"loops", offer_points, fits_points, emit_points},
};

}  // namespace

std::span<const Algorithm> algorithms() { return kAlgorithms; }

const Algorithm* find_algorithm(std::string_view name) {
  const auto* it = std::ranges::find(kAlgorithms, name, &Algorithm::name);
  return it == std::end(kAlgorithms) ? nullptr : it;
}

}  // namespace rlx::backend::cuda
