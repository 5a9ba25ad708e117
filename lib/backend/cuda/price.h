// What a kernel costs on a GPU, in its cycles: a model of one with about 128 multiprocessors. LLVM-free.
//
// A thread waits for most of what it does; many of them together are bound by arithmetic and by memory.
#pragma once
#include "backend/cuda/matrix.h"

namespace rlx::backend::cuda {

// With a thread a point of the first `parallel` grid loops.
Cost price_of_points(const Kernel& k, size_t parallel);
// With a block of so many threads a grid point.
Cost price_of_blocks(const Kernel& k, int64_t threads);

// In square tiles of 16 x 16 threads that have `size` x `size` results each.
Cost price_of_product(const Kernel& k, const ProductLoops& loops, int64_t size);
// A warp a column.
Cost price_of_warp_product(const Kernel& k, const ProductLoops& loops);
// On matrix units.
Cost price_of_matrix(const Kernel& k, const MatrixPlan& plan, const MatrixTile& tile);

// How often the loops run together, at least once.
Cost steps_of(const Vec<Loop>& loops);

}  // namespace rlx::backend::cuda
