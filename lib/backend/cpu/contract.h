// Code for "contract.panel" and "conv.direct" (tile.h): one function, all loops of a register tile in it.
//
// A tile of work is a row tile times a block of columns that fits half of the second-level cache; the row
// tiles of one block follow each other, so a thread reads its block from memory once. The sums of a row
// tile and its vectors of columns stay in registers over the whole depth; then they go through scratch, in
// the first-level cache, to the epilogue, which runs row by row. Rows past the end repeat the last row: the
// same value is written twice, and no remainder code exists.
#pragma once
#include "backend/cpu/function.h"
#include "backend/cpu/tile.h"

namespace rlx::cpu {

// Of image::Kernel.
struct Work {
  Dim tiles;
  Dim scratch_bytes;
};

Work tiled_work(const Kernel& k, const Choice& choice, const CpuTarget& target);
void emit_tiled(Function& f, const Choice& choice, const CpuTarget& target);

}  // namespace rlx::cpu
