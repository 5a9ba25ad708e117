// Kernels whose grid points are rows made of products: attention's scores, their softmax and the sum of values,
// all in one. A block of rows runs stage after stage; what is passed between stages stays in scratch, which is
// small enough for the caches. LLVM-free.
//
// A product's tile is `rows` x `vectors` vectors of columns as in tile.h, its sums in registers over the whole
// depth; its left operand may be a row that an earlier stage made. One that is computed is staged: once for a row
// and all its columns. The other stages run row by row as "loops" runs them. The right operands are read anew for
// each block, which is some tiles of rows: the right algorithm where they are small, as a head's keys and values are.
//
// A right operand lies best with its columns side by side. Where its depth does instead, as that of keys which are
// appended to, it is turned as it comes: for the columns of a tile it is read along the depth, and goes through scratch,
// once for all rows of the block.
#pragma once
#include "backend/cpu/algorithm.h"

namespace rlx::backend::cpu {

struct RowLoops {
  // Grid loops, outermost first; batch: those on which a right operand depends.
  Vec<Loop> batch, rows;
};

// The grid of a kernel of maps, reductions and products in f32 of which one at least has its columns in the
// stage's loops; nullopt for others.
std::optional<RowLoops> row_loops(const Kernel& k);
// The one loop of columns of a product whose columns are the stage's.
LoopId column_loop(const Stage& s);
// Of a product whose right operand is turned: what it sums over.
const Loop& depth_loop(const Stage& s);
// A choice's numbers: rows and vectors of a tile, tiles of rows in a block, and a bit for each product, in their order, that
// is 1 where its right operand is turned.
struct RowTile {
  int64_t rows = 1, vectors = 1, tiles = 1, turned = 0;

  int64_t block() const { return rows * tiles; }
};
// The choice has four numbers.
RowTile row_tile(const Choice& choice);
// By stage: whether it is a product whose right operand is turned.
Vec<bool> turned_stages(const Kernel& k, const Choice& choice);

Vec<Alternative> offer_rows(const Kernel& k, const CpuTarget& target);
bool fits_rows(const Kernel& k, const Choice& choice);
Work emit_rows(const Job& job);

}  // namespace rlx::backend::cpu
