// "contract.shared": products of matrices, convolutions among them, and what is computed of each of their elements, in square tiles. LLVM-free.
//
// A block of 16 x 16 threads has a tile of 16 p x 16 p results, of which each thread sums up p x p in registers, every
// 16th row and column. 16 steps of the depth at a time, all threads compute the operands' elements once and leave them
// in shared memory. Sums run over the depth in order, element by element: the bits of the kernel's text.
#pragma once
#include "backend/cuda/algorithm.h"

namespace rlx::backend::cuda {

// Threads along each side of a tile, and steps of the depth between two barriers.
inline constexpr int64_t kSide = 16, kDepth = 16;

struct ProductLoops {
  // Of the grid, then of the stage, in the order of the sums. The rows of a convolution are its pixels, its columns the
  // output channels.
  Vec<Loop> batch, rows, columns, depth;
};

// Of a kernel that is a product in one run with maps behind it; nullopt for others.
std::optional<ProductLoops> product_loops(const Kernel& k);
// How many points the loops have together.
Dim points_of(const Vec<Loop>& loops);

// Steps on end that are taken together where their elements are.
inline constexpr int64_t kRun = 8;
// Whether runs of the loop, from multiples of eight on, are elements on end in memory.
bool runs_along(const Kernel& k, const Stage& s, const Access& a, const Loop& l);
// The storage in which an operand's axes lie in the order of the depth's loops, behind those that none of them moves.
Storage depth_last(const Access& a, const Vec<Loop>& depth);

Vec<Alternative> offer_product(const Kernel& k, const CudaTarget& target);
// Its number is p.
bool fits_product(const Kernel& k, const Choice& choice);
Work emit_product(const Job& job);

}  // namespace rlx::backend::cuda
