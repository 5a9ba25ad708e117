// "contract.mma": products of numbers of 16 bits on matrix units, and what is computed of each of their elements.
// LLVM-free.
//
// A block has a tile of the result, a warp a part of it whose sums it keeps in registers; an instruction (mma.sync, of all
// architectures) adds 16 steps of the depth to 16 x 8 of them. Operands come through a ring of stages in shared memory,
// 64 steps of the depth each: by asynchronous copies of 16 bytes where eight elements on end lie together in memory,
// else computed as the kernel's text says. Sums go through shared memory once more, so that neighbouring threads
// compute and write neighbouring results.
//
// The units add in an order of their own: rows are not exact (docs/numerics.md).
#pragma once
#include "backend/cuda/algorithm.h"
#include "backend/cuda/product.h"

namespace rlx::backend::cuda {

// Steps of the depth in a stage of the ring.
inline constexpr int64_t kStageDepth = 64;

struct MatrixTile {
  // Of a block, and of a warp.
  int64_t rows = 0, columns = 0, warp_rows = 0, warp_columns = 0;
  int64_t stages = 0;
  // Warps that share the depth of each stage, and add up what they have at the end.
  int64_t depth_warps = 1;

  int64_t side_warps() const { return (rows / warp_rows) * (columns / warp_columns); }
  int64_t warps() const { return side_warps() * depth_warps; }
  int64_t threads() const { return warps() * 32; }
  int64_t left_bytes() const { return rows * kStageDepth * 2; }
  int64_t stage_bytes() const { return (rows + columns) * kStageDepth * 2; }
  // Of a warp's sums where they go through shared memory; eight more columns keep threads out of each other's banks.
  int64_t pitch() const { return warp_columns + 8; }
  int64_t sum_bytes() const { return warps() * warp_rows * pitch() * 4; }
  int64_t shared_bytes() const { return std::max(stages * stage_bytes(), sum_bytes()); }
};

struct MatrixOperand {
  // The number of 16 bits that is multiplied, and its type.
  ExprId element = {};
  DType type = DType::kBF16;
  // The loops of the tile's side.
  Vec<Loop> side = {};
  // Which eight elements are staged together: those along the side, or else along the depth.
  bool along_side = false;
  // Stage::reads of it, where they are copied as they lie.
  std::optional<uint32_t> copied = std::nullopt;
};

struct MatrixPlan {
  // The depth may be in another order than the text's. Its innermost loop may go round more often, to a whole run, of which
  // the last steps stand for zeros.
  ProductLoops loops;
  int64_t steps_of_run = kRun;
  MatrixOperand left, right;
};

// All that there are.
std::span<const MatrixTile> matrix_tiles();
// nullopt where the kernel has no such product.
std::optional<MatrixPlan> plan_matrix(const Kernel& k);
// Of the choice's numbers, the rows and columns of a block; null where no tile is so large.
const MatrixTile* find_tile(const Choice& choice);
// With no more stages than the depth can fill.
MatrixTile fitted_to(MatrixTile tile, const ProductLoops& loops);
// Whether what a thread computes of the coming stage has registers beside its sums.
bool has_room(const MatrixPlan& plan, const MatrixTile& tile);

Vec<Alternative> offer_matrix(const Kernel& k, const CudaTarget& target);
bool fits_matrix(const Kernel& k, const Choice& choice);
Work emit_matrix(const Job& job);

}  // namespace rlx::backend::cuda
