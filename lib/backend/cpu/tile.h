// Register tiles for contractions and direct convolutions: what the menu offers and the emitter follows.
// LLVM-free.
//
// Both are one matrix product. Rows are all grid loops that the right operand does not depend on (a
// convolution's images and pixels, a product's m and left-hand batch), counted together; columns are the
// loop over which the right operand is contiguous (n, output channels); depth are the loops summed over, in
// order. A register tile is `rows` x `vectors` vectors of columns whose sums stay in registers over the whole
// depth; maps run on the finished tile, so epilogues cost no memory pass.
//
// A kernel may have several products with the same columns: gate and up, queries, keys and values, two
// convolutions that are added. A tile is summed up for one after the other, each over its own depth, before the
// maps run: what they make of each other's results is never in memory, and what they read alike is in the caches.
//
// Sums are of any number type. A vector is 64 bytes of them, at most 16 columns, so that a tile takes no more
// registers whatever the type. Operands are expressions. A left one that is an element as it lies is read where
// it lies; any other is staged: computed once for a row tile and all its columns. The right one is computed in
// vectors along the columns, at each step of the depth.
//
// "product.dot": sums of i32 whose operands are known to be numbers of 16 or 8 bits, of whatever expressions.
// An instruction then sums up a group of 2 or 4 steps of the innermost loop of the depth, whose operands stand
// side by side in 32 bits: the left one staged so, the right one a constant that is packed so. Integers wrap, so
// the order of their sums does not matter. Of bytes x less a zero point z only x is staged: with it the right
// operand is summed up by itself, and z times that is taken from the row's sums. Sums of f32 whose operands are
// elements of bf16 have an instruction for groups of 2, which adds as f32 does but in another order: not exact.
#pragma once
#include "backend/cpu/algorithm.h"
#include "backend/cpu/isa.h"
#include "kernel/conv_geometry.h"

namespace rlx::backend::cpu {

// A stage that sums up products, and how the tile reads its operands.
struct Product {
  // Of Kernel::stages.
  size_t stage = 0;
  // Stage loops, outermost first.
  Vec<Loop> depth;
  // What the operands read, of Stage::reads; whether the left one is staged.
  Vec<uint32_t> left, right;
  bool staged = false;
  // So many columns on end have one left operand, or one vector of them: whole vectors, of a group of a convolution, or of
  // several. 0: all have.
  int64_t run = 0;
  // Where a vector's columns are of several groups: how far each one's left operand lies behind the first one's, less
  // than a vector, so that they are one vector's lanes in another order. Empty: they have the same.
  Vec<int> lanes = {};
  // Steps of the innermost loop that an instruction sums up, and the types of the operands where several.
  int group = 1;
  DType left_type = DType::kI16, right_type = DType::kI16;
  // The node that is staged, and where sums are corrected what the left operand has less than that: a node
  // that is the same along the depth, and what bytes without a sign have more.
  ExprId staged_node = {};
  std::optional<ExprId> zero = std::nullopt;
  int64_t bias = 0;

  bool corrected() const { return zero || bias != 0; }
  LoopId innermost() const { return depth.back().id; }
};

// The loops of a kernel's products, by their part in the tile.
struct TileLoops {
  // Grid loops, outermost first; batch: those on which a right operand depends, or which steps are summed up.
  Vec<Loop> batch, rows;
  Loop column;
  // Of the sums, and how many of them a vector has.
  DType acc = DType::kF32;
  int columns = kLanes;
  // Never empty; in the order of their stages.
  Vec<Product> products;
};

// The kernel that tiles are made of: the operands of its products in the form that code is made of, which may be a
// simpler one, and pixels in phases (phases.h). What follows is asked of that.
Kernel tiled_form(Kernel k);

// The loops of a kernel that can be tiled: contracts and convs, and maps without loops.
std::optional<TileLoops> tile_loops(const Kernel& k);
// The same in groups of steps, of one product; nullopt where an operand may not fit the type that takes.
std::optional<TileLoops> dot_loops(const Kernel& k, int64_t group);
// Those that a choice of this file's algorithms means.
std::optional<TileLoops> loops_of(const Kernel& k, const Choice& choice);

// Whether the tile can read the operands where their storages put them: inside of their bounds, at addresses
// that each loop of the depth moves evenly, the right one contiguous along the columns. A staged operand is
// read anywhere.
bool reads_operands(const Kernel& k, const TileLoops& loops);
// The halo of an image is a number, so the padding of its convolution has to be one.
bool has_known_pads(const ConvGeometry& g);
// Whether all locals are registers that die with their step.
bool has_scalar_locals(const Kernel& k);
// Whether an index of the access depends on the loop.
bool depends_on(const Access& a, LoopId loop);
// Whether what the node gives does: by what it loads, or by an index that it counts with and no load tells of.
bool depends_on(const Stage& s, ExprId node, LoopId loop);

// A product has about so many tiles if its extents allow it: four for each of 16 cores, which then end at about
// the same time.
inline constexpr int64_t kManyTiles = 64;

// Rows and vectors of a register tile, for choice.tile.
struct Tile {
  int64_t rows = 1;
  int64_t vectors = 1;
};
Tile tile_for(const TileLoops& loops, const Isa& isa);

// Of tiles of so many rows, more than `most`: fewer than the most, down to three quarters, where that leaves less of the
// last tile to rows that are done already. (197 x 768 x 3072 in AVX-512, 11 rows in place of 14: 3.3 ms in place of 3.6;
// with AVX2 five rows are 1.04 times as long as six for each, four 1.16 times.)
int64_t tile_height(int64_t rows, int64_t most);

// A row with the storages that its tile needs; none where the kernel does not fit.
Vec<Alternative> offer_contract(const Kernel& k, const CpuTarget& target);
Vec<Alternative> offer_conv(const Kernel& k, const CpuTarget& target);
// Its third number is the group.
Vec<Alternative> offer_dot(const Kernel& k, const CpuTarget& target);
bool fits_tile(const Kernel& k, const Choice& choice);
Work emit_tiled(const Job& job);

// The address of a read of the right operand at a step of the sum.
Dim at_step(const Dim& address, const Product& p);

// The steps of all loops together.
Dim extent_of(const Vec<Loop>& loops);
// Whether an index is the value of a node.
bool indexed_by_data(const Access& a);
// Whether a second write of the same value does no harm: nothing is combined, or written where data says.
bool only_sets(const Stage& s);

// The change of an address for one step of a loop; nullopt where it is not the same at each step.
std::optional<Dim> step_of(const Dim& address, LoopId loop, const RangeOf& range);

}  // namespace rlx::backend::cpu
