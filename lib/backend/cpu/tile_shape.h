// What is known of a tiled product before any code is written. LLVM-free.
#pragma once
#include "backend/cpu/tile.h"

namespace rlx::backend::cpu {

// Steps of the sum that one turn of its innermost loop takes.
inline constexpr int64_t kUnroll = 4;
inline constexpr int64_t kLineBytes = 64;

// Of one of its products.
struct ProductShape {
  // The loops of the depth in steps of the sum, and how many steps that are. Of a run, the outermost begins at
  // `first`, and has an extent that the grid's loops say.
  Vec<Loop> steps;
  Dim first = 0, depth;
  // Where in scratch the sums of a tile are parked, by row and vector; then by row what corrects them; and a
  // staged left operand, by row and step.
  Dim parked, zeros, staged;
  // Lines of the block of columns after a tile's own that each kUnroll steps ask for; 0: none.
  int64_t ahead = 0;
};

struct TileShape {
  TileLoops loops;
  Tile tile;
  Dim rows, row_tiles, panels, blocks;
  // Panels of a vector of columns in a block, a multiple of tile.vectors.
  int64_t block = 1;
  // One per product.
  Vec<ProductShape> products;
  Dim scratch_bytes;
};

TileShape shape_of(const Kernel& k, const TileLoops& loops, const Tile& tile,
                   const CpuTarget& target);
TileShape shape_of(const Kernel& k, const Choice& choice, const CpuTarget& target);

}  // namespace rlx::backend::cpu
