// "conv.winograd": convolutions by constant 3 x 3 weights, one pixel after the other, in squares of m x m results
// (kernel/winograd.h). Not exact: it multiplies sums of the image by sums of the weights. The right algorithm where
// there are many channels on both sides and enough squares for a register tile; for few squares the transformed
// weights, 4 to 9 times 4 of the others' bytes, take longer to come than the products that they save. LLVM-free.
//
// A tile of work is a block of squares, `groups` times the rows of a register tile, and a block of panels of output
// channels. It transforms the block's part of the image into scratch, [point][square][channel]; then for each few
// panels it multiplies point by point in register tiles into [point][square][column], and takes each square's
// results from there to the epilogue, pixel by pixel. Squares are counted through all images together; past the
// last one the last is computed again, and written once.
#pragma once
#include <array>

#include "backend/cpu/algorithm.h"
#include "backend/cpu/isa.h"
#include "kernel/winograd.h"

namespace rlx::backend::cpu {

// The kernel's convolution, where it is such a one.
struct WinogradLoops {
  Loop batch, out_channel, in_channel;
  // Rows and columns of the result.
  std::array<Loop, 2> pixel;
  std::array<int64_t, 2> pads = {};
  // Of Stage::reads.
  uint32_t image = 0, weights = 0;
  // Known, as the weights are.
  int64_t channels = 0, columns = 0;
};

// Choice::tile.
struct WinogradTile {
  // m, a square's side.
  int64_t results = 0;
  // Squares and vectors of output channels of a register tile.
  int64_t rows = 0, vectors = 0;
  // Of a tile of work: register tiles of squares, and panels of a vector of output channels.
  int64_t groups = 0, panels = 0;

  int64_t squares() const { return rows * groups; }
};

// How the work is divided, and what lies where in a thread's scratch.
struct WinogradShape {
  WinogradLoops loops;
  WinogradTile tile;
  Form form = Form::kElements;
  // Squares of a column and of a row of results, and all of them.
  std::array<Dim, 2> squares_along;
  Dim squares;
  // Blocks of squares and of panels; panels in all.
  Dim blocks, panel_blocks;
  int64_t panels = 0;

  const Winograd& matrices() const { return *winograd_of(form); }
  int64_t points() const { return matrices().points * matrices().points; }
  // Elements of scratch between two squares and two points of the image, and of the products.
  int64_t image_row() const;
  int64_t image_point() const { return tile.squares() * image_row() + kLanes; }
  int64_t product_row() const { return tile.vectors * kLanes; }
  int64_t product_point() const { return tile.squares() * product_row() + kLanes; }
  // Where image, products and results begin behind the trap, in bytes, and what they take in all.
  int64_t products_at() const { return points() * image_point() * 4; }
  int64_t results_at() const { return products_at() + points() * product_point() * 4; }
  int64_t scratch_bytes() const {
    return results_at() + tile.results * tile.results * kVectorBytes;
  }
};

std::optional<WinogradLoops> winograd_loops(const Kernel& k);
WinogradShape winograd_shape(const WinogradLoops& loops, const WinogradTile& tile);
WinogradTile winograd_tile(const Choice& choice);

// A row for each size of squares.
Vec<Alternative> offer_winograd(const Kernel& k, const CpuTarget& target);
bool fits_winograd(const Kernel& k, const Choice& choice);
Work emit_winograd(const Job& job);

}  // namespace rlx::backend::cpu
