#include "backend/cuda/warp_product.h"

#include "backend/cuda/price.h"

namespace rlx::backend::cuda {

namespace {

// A column is enough work for a warp while there are not many.
constexpr int64_t kManyColumns = 1 << 14;

bool has_few_rows(const ProductLoops& loops) {
  return points_of(loops.rows).constant().value_or(kMostRows + 1) <= kMostRows;
}

// What the right operand reads first, where its runs go along the depth; null: nothing that does, or can be made so.
const Access* right_read(const Kernel& k, const ProductLoops& loops) {
  const Stage& s = k.stages[0];
  const Vec<uint32_t> reads = loaded_reads(s, operands(s)[1]);
  if (reads.empty() || loops.depth.empty()) return nullptr;
  const Access& a = s.reads[reads[0]];
  if (a.of != Access::Of::kArg) return nullptr;
  return k.args[a.tensor].constant || runs_along(k, s, a, loops.depth.back()) ? &a : nullptr;
}

}  // namespace

Vec<Alternative> offer_warp_product(const Kernel& k, const CudaTarget&) {
  const std::optional<ProductLoops> loops = product_loops(k);
  if (!loops || !is_relaxed(k) || !has_few_rows(*loops)) return {};
  const Access* right = right_read(k, *loops);
  if (!right) return {};
  const bool is_many = points_of(loops->columns).constant().value_or(0) >= kManyColumns;
  Alternative row{.choice = {"contract.warp", {is_many ? 2 : 1}},
                  .needs = Vec<Need>(k.args.size()),
                  .cost = price_of_warp_product(k, *loops),
                  .exact = false};
  if (k.args[right->tensor].constant) {
    row.needs[right->tensor] = Need::like(depth_last(*right, loops->depth));
  }
  return {std::move(row)};
}

bool fits_warp_product(const Kernel& k, const Choice& choice) {
  if (choice.tile.size() != 1 || choice.tile[0] < 1 || choice.tile[0] > 2) return false;
  const std::optional<ProductLoops> loops = product_loops(k);
  return loops && has_few_rows(*loops);
}

}  // namespace rlx::backend::cuda
