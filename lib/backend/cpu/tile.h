// Register tiles for contractions and direct convolutions: what the menu offers and the emitter follows.
// LLVM-free.
//
// Both are one matrix product. Rows are all grid loops that the right operand does not depend on (a
// convolution's images and pixels, a product's m and left-hand batch), counted together; columns are the
// loop over which the right operand is contiguous (n, output channels); depth are the loops summed over, in
// order. A register tile is `rows` x `vectors` vectors of 16 columns whose sums stay in registers over the
// whole depth; the stages after the first run on the finished tile, so epilogues cost no memory pass.
#pragma once
#include "backend/cpu/isa.h"
#include "kernel/kernel.h"
#include "target/menu.h"

namespace rlx::cpu {

// The loops of the product, by their part in the tile.
struct TileLoops {
  // Grid loops, outermost first; batch: those on which the right operand depends.
  Vec<Loop> batch, rows;
  Loop column;
  // Stage loops, outermost first.
  Vec<Loop> depth;
};

// The loops of a kernel that can be tiled: a contract or ungrouped conv in f32, then maps without loops.
std::optional<TileLoops> tile_loops(const Kernel& k);

// Whether the tile can read the operands where their storages put them: inside of their bounds, at addresses
// that each loop of the depth moves evenly, the right one contiguous along the columns.
bool reads_operands(const Kernel& k, const TileLoops& loops);

// Whether a kernel can be tiled as it is stored.
bool can_tile(const Kernel& k);

// Rows and vectors of a register tile, for choice.tile.
struct Tile {
  int64_t rows = 1;
  int64_t vectors = 1;
};
// Whether these numbers are a tile: two, none of them absurd.
bool is_tile(const Vec<int64_t>& tile);
Tile tile_for(const TileLoops& loops, const Isa& isa);

// "contract.panel" or "conv.direct" with the storages it needs; nothing where the kernel does not fit.
std::optional<Alternative> tiled_alternative(const Kernel& k, const CpuTarget& target);

// The change of an address for one step of a loop; nullopt where it is not the same at each step.
std::optional<Dim> step_of(const Dim& address, LoopId loop, const RangeOf& range);

}  // namespace rlx::cpu
