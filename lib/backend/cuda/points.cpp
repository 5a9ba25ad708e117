#include "backend/cuda/points.h"

#include "backend/common/grid.h"
#include "backend/cuda/price.h"

namespace rlx::backend::cuda {

namespace {

constexpr int64_t kThreadsOfBlock = 256;
constexpr int64_t kBlocksWithScratch = 1024;

size_t parallel_loops(const Kernel& k) { return must_run_in_order(k) ? 0 : first_sequential(k); }

}  // namespace

PointsPlan plan_points(const Kernel& k) {
  PointsPlan p;
  p.kernel = k;
  for (Stage& s : p.kernel.stages) expand_math(s);
  if (!must_run_in_order(k)) order_grid(p.kernel, {});
  merge_grid_loops(p.kernel, {});
  p.groups = group_stages(p.kernel);
  p.parallel = parallel_loops(p.kernel);
  add_sorted(p);
  p.memory = local_memory(p.kernel);
  p.points = 1;
  for (size_t i = 0; i < p.parallel; ++i) p.points = p.points * p.kernel.grid[i].extent;
  p.threads = p.parallel == 0 ? 1 : kThreadsOfBlock;
  p.blocks = ceil_div(p.points, p.threads);
  if (p.memory.bytes.is(0)) return p;
  p.rounds = ceil_div(p.blocks, kBlocksWithScratch);
  p.blocks = min(p.blocks, kBlocksWithScratch);
  return p;
}

Vec<Alternative> offer_points(const Kernel& k, const CudaTarget&) {
  return {{.needs = Vec<Need>(k.args.size()),
           .cost = price_of_points(k, parallel_loops(k)),
           .writes_once = true}};
}

bool fits_points(const Kernel&, const Choice& choice) { return choice.tile.empty(); }

}  // namespace rlx::backend::cuda
