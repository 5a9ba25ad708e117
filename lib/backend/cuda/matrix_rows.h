// "rows.mma": rows that products begin and end, as those of attention: a block has some rows, the sums of its products come
// from matrix units, and what is computed of each row stays in shared memory. LLVM-free.
//
// Stages follow each other as in the text. A product's tiles are those of matrix.h, its results locals of the block's
// rows, its left operand maybe locals that an earlier stage wrote. Of the other stages each warp takes rows by itself, 32
// lanes a row, as "blocks" does with a block a row.
#pragma once
#include "backend/cuda/local_memory.h"
#include "backend/cuda/matrix.h"

namespace rlx::backend::cuda {

struct MatrixRowsPlan : Grouped {
  // Loops of the grid: those of a block's rows, and the others.
  Vec<Loop> rows, batch;
  // By stage; none where it is no product.
  Vec<std::optional<MatrixPlan>> products;
  // Of one row.
  LocalMemory memory;
  int64_t row_bytes = 0;
};

// nullopt where the kernel has no such rows.
std::optional<MatrixRowsPlan> plan_matrix_rows(const Kernel& k);
// Of the products of a block with so many rows; null where there is no such size.
const MatrixTile* find_row_tile(int64_t rows);
// Shared memory of a block.
int64_t shared_bytes(const MatrixRowsPlan& p, const MatrixTile& tile);

Vec<Alternative> offer_matrix_rows(const Kernel& k, const CudaTarget& target);
// Its number is that of a block's rows.
bool fits_matrix_rows(const Kernel& k, const Choice& choice);
Work emit_matrix_rows(const Job& job);

}  // namespace rlx::backend::cuda
