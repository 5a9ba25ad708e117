#include "backend/cpu/nest.h"

#include <algorithm>

#include "backend/common/grid.h"
#include "kernel/estimate.h"

namespace rlx::backend::cpu {

namespace {

// A tile takes about 15 microseconds.
constexpr int64_t kTileCost = 9000;

// How many lanes of a vector do something, on average, in a loop of this extent.
double busy_lanes(const Dim& extent, int lanes) {
  const int64_t n = std::max<int64_t>(1, estimate(extent));
  const int64_t vectors = (n + lanes - 1) / lanes;
  return static_cast<double>(n) / static_cast<double>(vectors);
}

// ---- Costs ------------------------------------------------------------------------------------

double access_cost(const Ref& r, int lanes) {
  if (r.in_register) return 0;
  return r.uniform() || r.contiguous() ? 1 : lanes;
}

// Instructions, roughly, of one evaluation of the stage's body, on scalars or on vectors.
double body_cost(const StageRefs& s, int lanes) {
  auto operations = std::count_if(s.stage->body.begin(), s.stage->body.end(),
                                  [](const Expr& e) { return arity(e.fn) > 0; });
  double cost = 1 + static_cast<double>(operations);
  for (const Ref& r : s.reads) cost += access_cost(r, lanes);
  for (const Ref& r : s.writes) cost += access_cost(r, lanes);
  return cost;
}

double cost_with_grid_lanes(const Kernel& k, const Loop& lane_loop, int lanes) {
  const RefOptions options{.lane_loop = lane_loop.id, .lanes = lanes, .locals_per_lane = true};
  double cost = 0;
  for (const Stage& s : k.stages) {
    cost += body_cost(resolve(k, s, options), lanes) * estimated_trips(s.loops);
  }
  return cost / busy_lanes(lane_loop.extent, lanes);
}

double cost_with_own_lanes(const Kernel& k, int lanes) {
  double cost = 0;
  for (const Stage& s : k.stages) {
    const double n = estimated_trips(s.loops);
    if (!is_vectorisable(s)) {
      cost += body_cost(resolve(k, s, {}), 1) * n;
      continue;
    }
    const RefOptions options{.lane_loop = s.loops.back().id, .lanes = lanes};
    cost += body_cost(resolve(k, s, options), lanes) * n / busy_lanes(s.loops.back().extent, lanes);
  }
  return cost;
}

// ---- Which loop runs over lanes ---------------------------------------------------------------

bool carries_registers(const Kernel& k) {
  return std::any_of(k.locals.begin(), k.locals.end(),
                     [](const Local& l) { return l.shape.empty() && !l.carry.empty(); });
}

// Points of a vector go through the same steps.
bool says_run(const Kernel& k, LoopId loop) {
  return std::ranges::any_of(k.stages, [&](const Stage& s) {
    const Order* order = order_of(s);
    return order && order->run && uses_loop(*order->run, loop);
  });
}

// Lanes that write one element would race.
bool writes_vary(const Kernel& k, LoopId loop) {
  for (const Stage& s : k.stages) {
    for (const Access& w : s.writes) {
      bool varies = w.of != Access::Of::kArg;
      for (const AxisIndex& index : w.index) varies |= uses_loop(index.dim, loop);
      if (!varies) return false;
    }
  }
  return true;
}

LoopId choose_lane_loop(const Kernel& k, int lanes) {
  if (must_run_in_order(k) || carries_registers(k) || sorts(k) || !rows_fit(k)) return {};
  size_t last_sequential = 0;
  for (size_t i = 0; i < k.grid.size(); ++i) {
    if (k.grid[i].sequential) last_sequential = i + 1;
  }
  LoopId best;
  double least = cost_with_own_lanes(k, lanes);
  for (size_t i = k.grid.size(); i-- > last_sequential;) {
    if (says_run(k, k.grid[i].id) || !writes_vary(k, k.grid[i].id)) continue;
    const double cost = cost_with_grid_lanes(k, k.grid[i], lanes);
    if (cost >= least) continue;
    least = cost;
    best = k.grid[i].id;
  }
  return best;
}

// ---- Tiles and scratch ------------------------------------------------------------------------

Dim steps_of(const Nest& n) {
  Dim steps = 1;
  for (size_t i = 0; i < n.parallel; ++i) {
    const Loop& l = n.kernel.grid[i];
    steps = steps * (l.id == n.lane_loop ? ceil_div(l.extent, n.lanes) : l.extent);
  }
  return steps;
}

int64_t cost_of_step(const Nest& n) {
  double cost = 4;
  for (const Group& g : n.groups) {
    for (size_t i = g.first; i < g.last; ++i) {
      const Stage& s = n.kernel.stages[i];
      const double busy = g.vector ? busy_lanes(s.loops.back().extent, n.lanes) : 1;
      cost +=
          body_cost(resolve(n.kernel, s, n.options(g)), n.lanes) * estimated_trips(s.loops) / busy;
    }
  }
  for (size_t i = n.parallel; i < n.kernel.grid.size(); ++i) {
    cost *= static_cast<double>(estimate(n.kernel.grid[i].extent));
  }
  return static_cast<int64_t>(cost);
}

void cut_tiles(Nest& n) {
  n.steps = steps_of(n);
  n.tiles = 1;
  if (must_run_in_order(n.kernel)) {
    n.steps_per_tile = 0;
    return;
  }
  n.steps_per_tile =
      std::clamp<int64_t>(kTileCost / std::max<int64_t>(1, cost_of_step(n)), 1, 1 << 20);
  n.tiles = ceil_div(n.steps, n.steps_per_tile);
}

Dim aligned(const Dim& bytes) { return ceil_div(bytes, 64) * 64; }

void lay_out_scratch(Nest& n) {
  Dim end = image::kTrapBytes;
  for (const Local& l : n.kernel.locals) {
    n.local_offsets.push_back(end);
    if (in_register(l)) continue;
    const Arg memory = local_storage(l);
    const int64_t copies = n.lanes_in_grid() && l.carry.empty() ? n.lanes : 1;
    const Dim elements = storage_elements(memory.storage, memory.shape) * copies;
    end = end + aligned(bytes_of(l.dtype, elements));
  }
  n.scratch_bytes = end.constant() ? max(end, image::kTrapBytes + kLanesBytes) : end + kLanesBytes;
}

}  // namespace

Nest plan_nest(const Kernel& k, const Isa& isa) {
  Nest n;
  n.kernel = k;
  n.lanes = isa.lanes;
  n.wide = isa.wide;
  for (Stage& s : n.kernel.stages) expand_math(s);
  n.lane_loop = choose_lane_loop(n.kernel, n.lanes);
  if (!must_run_in_order(n.kernel)) order_grid(n.kernel, n.lane_loop);
  n.lane_loop = merge_grid_loops(n.kernel, n.lane_loop);
  n.parallel = first_sequential(n.kernel);
  n.groups = group_stages(n.kernel);
  for (Group& g : n.groups) {
    const Stage& s = n.kernel.stages[g.first];
    g.vector = !n.lanes_in_grid() && !must_run_in_order(n.kernel) && is_vectorisable(s);
  }
  cut_tiles(n);
  add_sorted(n);
  lay_out_scratch(n);
  return n;
}

bool is_vectorisable(const Stage& s) {
  if (s.loops.empty() || s.loops.back().extent.constant().value_or(kLanes) < 4) return false;
  if (s.kind() == Kind::kMap) return true;
  return s.kind() == Kind::kReduce && s.reduction().order.inner == Order::Inner::kLanes;
}

bool is_kept_contiguous(const Kernel& k, const Stage& s, int lanes) {
  if (s.kind() != Kind::kReduce || kept_loops(s) == 0) return false;
  const StageRefs refs =
      resolve(k, s, {.lane_loop = s.loops[kept_loops(s) - 1].id, .lanes = lanes});
  const auto lies_well = [](const Ref& r) { return r.uniform() || r.contiguous(); };
  return std::ranges::all_of(refs.reads, lies_well) &&
         std::ranges::all_of(refs.writes, [](const Ref& r) { return r.contiguous(); });
}

bool rows_fit(const Kernel& k) {
  int64_t bytes = 0;
  for (const Local& l : k.locals) {
    if (!in_register(l)) bytes += bytes_of(l.dtype, estimate(product(l.shape))) * kLanes;
  }
  return bytes <= 256 << 10;
}

}  // namespace rlx::backend::cpu
