#include "backend/cpu/algorithm.h"

#include <algorithm>

#include "backend/cpu/loops.h"
#include "backend/cpu/rows.h"
#include "backend/cpu/tile.h"
#include "backend/cpu/winograd.h"

namespace rlx::backend::cpu {
namespace {

constexpr Algorithm kAlgorithms[] = {
    {"product.dot", offer_dot, fits_tile, emit_tiled},
    {"conv.winograd", offer_winograd, fits_winograd, emit_winograd},
    {"contract.panel", offer_contract, fits_tile, emit_tiled},
    {"conv.direct", offer_conv, fits_tile, emit_tiled},
    {"rows", offer_rows, fits_rows, emit_rows},
    {"loops", offer_loops, fits_loops, emit_loops},
};

}  // namespace

std::span<const Algorithm> algorithms() { return kAlgorithms; }

const Algorithm* find_algorithm(std::string_view name) {
  const auto* it = std::ranges::find(kAlgorithms, name, &Algorithm::name);
  return it == std::end(kAlgorithms) ? nullptr : it;
}

}  // namespace rlx::backend::cpu
