// Register tiles for contractions and direct convolutions: what the menu offers and the emitter follows.
// LLVM-free.
//
// Both are one matrix product. Rows are all grid loops that the right operand does not depend on (a
// convolution's images and pixels, a product's m and left-hand batch), counted together; columns are the
// loop over which the right operand is contiguous (n, output channels); depth are the loops summed over, in
// order. A register tile is `rows` x `vectors` vectors of columns whose sums stay in registers over the whole
// depth; the stages after the first run on the finished tile, so epilogues cost no memory pass.
//
// Sums are of any number type. A vector is 64 bytes of them, at most 16 columns, so that a tile takes no more
// registers whatever the type. Operands are expressions. A left one that is an element as it lies is read where
// it lies; any other is staged: computed once for a row tile and all its columns. The right one is computed in
// vectors along the columns, at each step of the depth.
#pragma once
#include "backend/cpu/algorithm.h"
#include "backend/cpu/isa.h"

namespace rlx::backend::cpu {

// The loops of the product, by their part in the tile.
struct TileLoops {
  // Grid loops, outermost first; batch: those on which the right operand depends.
  Vec<Loop> batch, rows;
  Loop column;
  // Stage loops, outermost first.
  Vec<Loop> depth;
  // Of the sums, and how many of them a vector has.
  DType acc = DType::kF32;
  int columns = kLanes;
  // What the operands read, of Stage::reads; whether the left one is staged.
  Vec<uint32_t> left, right;
  bool staged = false;
};

// The loops of a kernel that can be tiled: a contract or ungrouped conv, then maps without loops.
std::optional<TileLoops> tile_loops(const Kernel& k);

// Whether the tile can read the operands where their storages put them: inside of their bounds, at addresses
// that each loop of the depth moves evenly, the right one contiguous along the columns. A staged operand is
// read anywhere.
bool reads_operands(const Kernel& k, const TileLoops& loops);

// A product has about so many tiles if its extents allow it: four for each of 16 cores, which then end at about
// the same time.
inline constexpr int64_t kManyTiles = 64;

// Rows and vectors of a register tile, for choice.tile.
struct Tile {
  int64_t rows = 1;
  int64_t vectors = 1;
};
Tile tile_for(const TileLoops& loops, const Isa& isa);

// A row with the storages that its tile needs; none where the kernel does not fit.
Vec<Alternative> offer_contract(const Kernel& k, const CpuTarget& target);
Vec<Alternative> offer_conv(const Kernel& k, const CpuTarget& target);
bool fits_tile(const Kernel& k, const Choice& choice);
Work emit_tiled(const Job& job);

// The change of an address for one step of a loop; nullopt where it is not the same at each step.
std::optional<Dim> step_of(const Dim& address, LoopId loop, const RangeOf& range);

}  // namespace rlx::backend::cpu
