// How the operands of a register tile have to lie, and its results lie best. LLVM-free.
#pragma once
#include "backend/cpu/tile.h"

namespace rlx::backend::cpu {

// The axis of a right operand that the column loop alone indexes.
std::optional<int> column_axis(const Access& b, LoopId column);
// Needs of all arguments that are read, the best first. None where two products ask for different storages of
// one value. An argument that is part of both operands of a product must be as the right one asks.
Vec<Vec<Need>> operand_needs(const Kernel& k, const TileLoops& loops, const Tile& tile);
// Rows of the tile are written as they are computed: pixels with their channels, rows with their columns.
Need best_result(const Kernel& k, const TileLoops& loops, const Arg& result);

}  // namespace rlx::backend::cpu
