#include "backend/cuda/blocks.h"

#include <algorithm>

#include "backend/common/grid.h"
#include "backend/cuda/price.h"

namespace rlx::backend::cuda {

namespace {

constexpr int64_t kWarp = kReductionLanes;
constexpr int64_t kMostThreads = 1024;
// Of kernels whose blocks have scratch.
constexpr int64_t kMostBlocks = 2048;

bool has_rows(const Kernel& k) {
  if (must_run_in_order(k) || sorts(k) || first_sequential(k) < k.grid.size()) return false;
  if (std::ranges::any_of(k.locals, [](const Local& l) { return !l.carry.empty(); })) return false;
  return std::ranges::any_of(k.stages, [](const Stage& s) { return !s.loops.empty(); });
}

bool is_in_lanes(const Stage& s) {
  return s.kind() == Kind::kReduce && s.reduction().order.inner == Order::Inner::kLanes;
}

// Maps leave reductions: more threads than a warp take them. What one stage passes to the next lies in memory anyway.
Vec<Group> by_kind(const Kernel& k, const Vec<Group>& groups) {
  Vec<Group> apart;
  for (const Group& g : groups) {
    for (size_t i = g.first; i < g.last; ++i) {
      const bool joins = i > g.first && k.stages[i].kind() == k.stages[i - 1].kind();
      if (joins) apart.back().last = i + 1;
      if (!joins) apart.push_back({.first = i, .last = i + 1});
    }
  }
  return apart;
}

}  // namespace

BlocksPlan plan_blocks(const Kernel& k, int64_t threads, const CudaTarget& target) {
  BlocksPlan p;
  p.kernel = k;
  p.threads = threads;
  for (Stage& s : p.kernel.stages) expand_math(s);
  order_grid(p.kernel, {});
  merge_grid_loops(p.kernel, {});
  give_memory(p.kernel);
  p.groups = group_stages(p.kernel);
  if (threads > kWarp) p.groups = by_kind(p.kernel, p.groups);
  for (Group& g : p.groups) {
    const auto first = p.kernel.stages.begin() + static_cast<ptrdiff_t>(g.first);
    const auto last = p.kernel.stages.begin() + static_cast<ptrdiff_t>(g.last);
    g.warp = std::any_of(first, last, is_in_lanes);
  }
  p.memory = local_memory(p.kernel);
  p.in_shared_memory = p.memory.bytes.constant().value_or(INT64_MAX) <= target.shared_bytes;
  p.points = 1;
  for (const Loop& l : p.kernel.grid) p.points = p.points * l.extent;
  p.blocks = p.points;
  if (p.in_shared_memory) return p;
  p.rounds = ceil_div(p.points, kMostBlocks);
  p.blocks = min(p.points, kMostBlocks);
  return p;
}

Vec<Alternative> offer_blocks(const Kernel& k, const CudaTarget&) {
  if (!has_rows(k)) return {};
  std::optional<Alternative> best;
  for (const int64_t threads : {32, 128, 512}) {
    Alternative row{.choice = {"blocks", {threads}},
                    .needs = Vec<Need>(k.args.size()),
                    .cost = price_of_blocks(k, threads)};
    if (!best || row.cost < best->cost) best = std::move(row);
  }
  return {std::move(*best)};
}

bool fits_blocks(const Kernel& k, const Choice& choice) {
  if (!has_rows(k) || choice.tile.size() != 1) return false;
  const int64_t threads = choice.tile[0];
  return threads > 0 && threads <= kMostThreads && threads % kWarp == 0;
}

}  // namespace rlx::backend::cuda
