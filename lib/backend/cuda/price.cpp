#include "backend/cuda/price.h"

#include <algorithm>

#include "backend/common/groups.h"
#include "kernel/estimate.h"
#include "kernel/functions.h"
#include "support/integer.h"

namespace rlx::backend::cuda {

namespace {

// A kernel that waits for the one before it.
constexpr Cost kStart{1300};
// Threads that run at once, and operations that all of them do in a cycle.
constexpr int64_t kResident = 128 << 10;
constexpr int64_t kOperations = 16 << 10;
// From one operation of a thread to its next one.
constexpr int64_t kLatency = 8;
// Until all threads of a block have met, and until the lanes of a warp are merged.
constexpr int64_t kBarrier = 60, kMerge = 200;
// From memory, in a cycle.
constexpr int64_t kBytes = 2400;
// Of memory, at least.
constexpr int64_t kSector = 32;

int64_t weight(const Expr& e) {
  if (arity(e.fn) == 0) return 0;
  if (is_macro(e.fn)) return 20;
  return e.fn == Fn::kDiv || e.fn == Fn::kRem || e.fn == Fn::kSqrt ? 8 : 1;
}

// Of one step.
int64_t weight(const Stage& s) {
  auto sum = static_cast<int64_t>(1 + s.reads.size() + s.writes.size());
  for (const Expr& e : s.body) sum += weight(e);
  return sum;
}

// ---- Memory -----------------------------------------------------------------------------------

// Whether threads that differ by one in the loop touch places apart from each other.
bool scatters(const Access& a, LoopId loop) {
  for (size_t axis = 0; axis < a.index.size(); ++axis) {
    const AxisIndex& i = a.index[axis];
    if (i.expr || (uses_loop(i.dim, loop) && axis + 1 < a.index.size())) return true;
  }
  return false;
}

Cost bytes_of_arg(const Arg& a) {
  Cost elements{1};
  for (const Dim& d : a.shape) elements = elements * std::max<int64_t>(1, estimate(d));
  return elements * std::max<int64_t>(1, bits_of(a.dtype) / 8);
}

// What comes from memory, or goes there: each tensor once, and a sector for each element that lies alone.
// `neighbours` is the loop that differs between neighbouring threads of a stage.
template <class Neighbours>
Cost memory_cost(const Kernel& k, Neighbours neighbours) {
  Cost bytes;
  Vec<Cost> touched(k.args.size());
  for (const Stage& s : k.stages) {
    const Cost steps = steps_of(k.grid) * steps_of(s.loops).cycles;
    for (const Vec<Access>* list : {&s.reads, &s.writes}) {
      for (const Access& a : *list) {
        if (a.of != Access::Of::kArg) continue;
        touched[a.tensor] += steps * 8;
        if (scatters(a, neighbours(s))) bytes += steps * (kSector / 4);
      }
    }
  }
  for (size_t a = 0; a < k.args.size(); ++a) bytes += std::min(touched[a], bytes_of_arg(k.args[a]));
  return {bytes.cycles / kBytes};
}

// The grid's loop along which places of the last result are nearest to each other.
LoopId inner_loop(const Kernel& k) {
  for (size_t i = k.stages.size(); i-- > 0;) {
    for (const Access& w : k.stages[i].writes) {
      for (size_t axis = w.of == Access::Of::kArg ? w.index.size() : 0; axis-- > 0;) {
        for (const Loop& l : k.grid) {
          if (uses_loop(w.index[axis].dim, l.id)) return l.id;
        }
      }
    }
  }
  return {};
}

// ---- Work -------------------------------------------------------------------------------------

// What all threads do, and what one of those that do most does, one thing after the other.
Cost time_of(Cost all, Cost chain, Cost waves) {
  return std::max(Cost{all.cycles / kOperations}, chain * kLatency * waves.cycles);
}

// The steps of a stage that one thread of a block takes.
int64_t steps_of_thread(const Stage& s, int64_t threads) {
  const Vec<LoopId> ended = ended_loops(s);
  Vec<Loop> kept, over;
  for (const Loop& l : s.loops) (std::ranges::count(ended, l.id) ? over : kept).push_back(l);
  const int64_t points = steps_of(kept).cycles, inside = steps_of(over).cycles;
  const bool warp = s.kind() == Kind::kReduce && s.reduction().order.inner == Order::Inner::kLanes;
  if (!warp) return (Cost{ceil_of(points, threads)} * inside).cycles;
  return (Cost{ceil_of(points, threads / kReductionLanes)} * ceil_of(inside, kReductionLanes))
      .cycles;
}

}  // namespace

Cost steps_of(const Vec<Loop>& loops) {
  Cost n{1};
  for (const Loop& l : loops) n = n * std::max<int64_t>(1, estimate(l.extent));
  return n;
}

Cost price_of_points(const Kernel& k, size_t parallel) {
  const auto split = k.grid.begin() + static_cast<ptrdiff_t>(parallel);
  const Cost points = steps_of({k.grid.begin(), split});
  Cost chain;
  for (const Stage& s : k.stages) chain += steps_of(s.loops) * weight(s);
  chain = chain * steps_of({split, k.grid.end()}).cycles;
  const LoopId inner = inner_loop(k);
  return kStart + memory_cost(k, [&](const Stage&) { return inner; }) +
         time_of(points * chain.cycles, chain, {ceil_of(points.cycles, kResident)});
}

Cost price_of_blocks(const Kernel& k, int64_t threads) {
  const Cost points = steps_of(k.grid);
  Cost all, chain;
  for (const Stage& s : k.stages) {
    all += steps_of(s.loops) * weight(s);
    chain += Cost{steps_of_thread(s, threads)} * weight(s) + Cost{kBarrier / kLatency};
    if (s.kind() == Kind::kReduce) chain += Cost{kMerge / kLatency};
  }
  const auto inner = [](const Stage& s) { return s.loops.empty() ? LoopId() : s.loops.back().id; };
  return kStart + memory_cost(k, inner) +
         time_of(points * all.cycles, chain, {ceil_of(points.cycles, kResident / threads)});
}

namespace {

// Multiprocessors, shared memory of one, and what all of its threads, and its matrix units, do in a cycle.
constexpr int64_t kProcessors = 132, kShared = 220 << 10, kLanesOfAll = 128, kProducts = 950;

// Of one stage of a tile's ring: its work, and how long it takes at least.
struct StageOfRing {
  int64_t work = 0, latency = 0;
};

StageOfRing stage_of_ring(const Stage& s, const MatrixPlan& plan, const MatrixTile& tile) {
  constexpr int64_t kCopied = 140, kComputed = 900;
  StageOfRing of{tile.rows * tile.columns * kStageDepth / kProducts, kCopied};
  for (const auto& [operand, edge] :
       {std::pair(&plan.left, tile.rows), std::pair(&plan.right, tile.columns)}) {
    if (operand->copied) continue;
    // Index arithmetic, conversions and the store.
    of.work += edge * kStageDepth * (12 + weight(s)) / kLanesOfAll;
    of.latency = kComputed;
  }
  return of;
}

int64_t tiles_along(const Vec<Loop>& loops, int64_t edge) {
  return ceil_of(steps_of(loops).cycles, edge);
}

}  // namespace

Cost price_of_matrix(const Kernel& k, const MatrixPlan& plan, const MatrixTile& tile) {
  // Until a block's first stage is there.
  constexpr int64_t kFirst = 1500;
  const ProductLoops& loops = plan.loops;
  const Cost tiles = steps_of(loops.batch) * (tiles_along(loops.rows, tile.rows) *
                                              tiles_along(loops.columns, tile.columns));
  const int64_t steps = tiles_along(loops.depth, kStageDepth);
  // What a thread needs beside its sums.
  constexpr int64_t kRegisters = 64 << 10, kOthers = 96;
  const int64_t registers =
      tile.threads() * (tile.warp_rows * tile.warp_columns / kReductionLanes + kOthers);
  const int64_t most =
      std::max<int64_t>(1, std::min(kShared / tile.shared_bytes(), kRegisters / registers));
  const int64_t together = std::min(most, ceil_of(tiles.cycles, kProcessors));
  const int64_t waves = ceil_of(tiles.cycles, kProcessors * together);
  const StageOfRing ring = stage_of_ring(k.stages[0], plan, tile);
  int64_t results = 0;
  for (size_t i = 1; i < k.stages.size(); ++i) results += weight(k.stages[i]);
  // Sums go through shared memory, and what is computed of them.
  const int64_t epilogue =
      tile.rows * tile.columns * (4 * tile.depth_warps + results) / kLanesOfAll;
  const Cost of_wave{steps * std::max(ring.latency, together * ring.work) + together * epilogue +
                     kFirst};
  Cost once;
  for (const Arg& a : k.args) once += bytes_of_arg(a);
  const Cost again = tiles * (steps * tile.stage_bytes());
  // From the second cache, twice as fast as from memory.
  const Cost traffic{std::max(once.cycles, again.cycles / 2) / kBytes};
  return kStart + std::max(traffic, of_wave * waves);
}

Cost price_of_warp_product(const Kernel& k, const ProductLoops& loops) {
  // Of the first runs, and of the lanes' merges and results.
  constexpr int64_t kFirst = 1500;
  Cost bytes;
  for (const Arg& a : k.args) bytes += bytes_of_arg(a);
  const Cost steps =
      steps_of(loops.batch) * (steps_of(loops.columns) * steps_of(loops.depth).cycles).cycles;
  const int64_t of_step = steps_of(loops.rows).cycles * 2 + weight(k.stages[0]);
  return kStart + Cost{kFirst} +
         std::max(Cost{bytes.cycles / kBytes}, Cost{(steps * of_step).cycles / kOperations});
}

Cost price_of_product(const Kernel& k, const ProductLoops& loops, int64_t size) {
  // Of a tile's threads on one multiprocessor, of which there are so many.
  constexpr int64_t kProcessors = 128, kCyclesOfStep = 2;
  const auto tiles_of = [&](const Vec<Loop>& l) {
    return ceil_of(steps_of(l).cycles, kSide * size);
  };
  const Cost tiles = steps_of(loops.batch) * tiles_of(loops.rows) * tiles_of(loops.columns);
  // Sums, what comes from shared memory for them, and a share of what is staged.
  const int64_t step = size * size + 2 * size;
  const int64_t staging = weight(k.stages[0]) * 2 * size / kDepth + kBarrier / kDepth;
  Cost of_tile = steps_of(loops.depth) * (kCyclesOfStep * (step + staging));
  for (size_t i = 1; i < k.stages.size(); ++i) {
    of_tile += Cost{weight(k.stages[i]) * size * size * kCyclesOfStep};
  }
  const auto inner = [&](const Stage&) {
    return loops.columns.empty() ? LoopId() : loops.columns.back().id;
  };
  // Tiles read their operands anew, from the second cache.
  const Cost again = tiles * (steps_of(loops.depth) * (2 * kSide * size)).cycles;
  return kStart + Cost{memory_cost(k, inner).cycles / kSector} + Cost{again.cycles / kBytes} +
         of_tile * ceil_of(tiles.cycles, kProcessors);
}

}  // namespace rlx::backend::cuda
