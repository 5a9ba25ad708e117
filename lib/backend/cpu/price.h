// What kernels cost on a core, in cycles, as each algorithm runs them: a model of three sums, compute, memory
// and starting, fitted to profiles (test/bench/prices.py says how well). It reads extents and the target alone,
// so that a plan is the same on every machine; symbols count as estimate() says. LLVM-free.
#pragma once
#include "backend/cpu/rows.h"
#include "backend/cpu/tile.h"
#include "target/cost.h"

namespace rlx::backend::cpu {

struct WinogradShape;

Cost price_of_loops(const Kernel& k, const CpuTarget& target);
Cost price_of_rows(const Kernel& k, const RowLoops& loops, const Choice& choice,
                   const CpuTarget& target);
Cost price_of_winograd(const Kernel& k, const WinogradShape& shape, const CpuTarget& target);
// `collide`: the left operand's rows push each other out of the first cache.
Cost price_of_tile(const Kernel& k, const TileLoops& loops, const Tile& tile,
                   const CpuTarget& target, bool collide);

}  // namespace rlx::backend::cpu
