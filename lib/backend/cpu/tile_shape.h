// What is known of a tiled product before any code is written. LLVM-free.
#pragma once
#include "backend/cpu/tile.h"

namespace rlx::backend::cpu {

struct TileShape {
  TileLoops loops;
  Tile tile;
  Dim rows, row_tiles, panels, blocks;
  // The loops of the depth in steps of the sum, and how many steps that are.
  Vec<Loop> steps;
  Dim depth;
  // Panels of a vector of columns in a block, a multiple of tile.vectors.
  int64_t block = 1;

  // Scratch: the sums of a tile, by row and vector; behind them by row what corrects them; and a staged left
  // operand, by row and step.
  int64_t parked_bytes() const;
  int64_t zero_bytes() const;
  Dim staged_bytes() const;
};

TileShape shape_of(const Kernel& k, const Choice& choice, const CpuTarget& target);

}  // namespace rlx::backend::cpu
