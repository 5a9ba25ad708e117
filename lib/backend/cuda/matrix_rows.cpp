#include "backend/cuda/matrix_rows.h"

#include <algorithm>

#include "backend/common/grid.h"
#include "backend/cuda/price.h"
#include "support/integer.h"

namespace rlx::backend::cuda {

namespace {

constexpr MatrixTile kRowTiles[] = {
    {.rows = 64, .columns = 64, .warp_rows = 32, .warp_columns = 16, .stages = 3},
    {.rows = 32, .columns = 64, .warp_rows = 32, .warp_columns = 32, .stages = 3, .depth_warps = 4},
    {.rows = 16, .columns = 64, .warp_rows = 16, .warp_columns = 64, .stages = 3, .depth_warps = 4},
};

// What a block of any architecture can ask for, leaving some for two of them.
constexpr int64_t kMostShared = 160 << 10;

bool is_product(const Stage& s) { return s.kind() == Kind::kContract; }

// Whether a warp can run the stage on a row of its own.
bool is_of_rows(const Stage& s) {
  if (s.kind() == Kind::kMap) return true;
  return s.kind() == Kind::kReduce && !s.reduction().order.is_cut();
}

bool takes_lanes(const Stage& s) {
  return s.kind() == Kind::kReduce && s.reduction().order.inner == Order::Inner::kLanes;
}

// The rows of the first product, which are those of all.
std::optional<Vec<LoopId>> rows_of(const Kernel& k) {
  std::optional<Vec<LoopId>> rows;
  for (const Stage& s : k.stages) {
    if (!is_product(s)) {
      if (!is_of_rows(s)) return std::nullopt;
      continue;
    }
    if (rows && *rows != s.contract().m) return std::nullopt;
    rows = s.contract().m;
  }
  return rows;
}

// Rows of locals have room for whole runs behind their last element: what is written there nobody reads.
void pad_columns(const Kernel& k, const Stage& s, Vec<Loop>& columns) {
  static_assert(kRowMultiple % kRun == 0);
  const auto is_row = [&](const Access& w) {
    return w.of == Access::Of::kLocal && w.index.size() == 1 &&
           w.index[0].dim == Dim::loop(columns[0].id) && !w.index[0].expr &&
           k.locals[w.tensor].shape[0] == columns[0].extent;
  };
  if (columns.size() != 1 || !std::ranges::all_of(s.writes, is_row)) return;
  columns[0].extent = ceil_div(columns[0].extent, kRun) * kRun;
}

// Of a product whose columns and depth are loops of its stage.
std::optional<MatrixPlan> plan_of(const Kernel& k, size_t stage, const Vec<Loop>& rows,
                                  const Vec<Loop>& batch) {
  const Stage& s = k.stages[stage];
  ProductLoops loops{.batch = batch, .rows = rows};
  for (size_t i = 0; i < s.loops.size(); ++i) {
    (i < kept_loops(s) ? loops.columns : loops.depth).push_back(s.loops[i]);
  }
  if (loops.columns.size() != s.contract().n.size() || s.contract().order.is_cut()) {
    return std::nullopt;
  }
  std::optional<MatrixPlan> plan = plan_matrix(k, stage, std::move(loops));
  if (plan) pad_columns(k, s, plan->loops.columns);
  return plan;
}

bool plan_products(MatrixRowsPlan& p) {
  for (size_t i = 0; i < p.kernel.stages.size(); ++i) {
    p.products.emplace_back();
    if (!is_product(p.kernel.stages[i])) continue;
    p.products.back() = plan_of(p.kernel, i, p.rows, p.batch);
    if (!p.products.back()) return false;
  }
  return true;
}

}  // namespace

std::optional<MatrixRowsPlan> plan_matrix_rows(const Kernel& k) {
  if (must_run_in_order(k) || sorts(k) || first_sequential(k) < k.grid.size()) return std::nullopt;
  if (std::ranges::any_of(k.locals, [](const Local& l) { return !l.carry.empty(); }))
    return std::nullopt;
  const std::optional<Vec<LoopId>> rows = rows_of(k);
  if (!rows || k.stages.size() < 2) return std::nullopt;
  MatrixRowsPlan p;
  p.kernel = k;
  for (const Loop& l : k.grid) (std::ranges::count(*rows, l.id) ? p.rows : p.batch).push_back(l);
  if (p.rows.size() != rows->size()) return std::nullopt;
  for (Stage& s : p.kernel.stages) expand_math(s);
  give_memory(p.kernel);
  p.groups = group_stages(p.kernel);
  for (Group& g : p.groups) {
    const auto first = p.kernel.stages.begin() + static_cast<ptrdiff_t>(g.first);
    g.warp = std::any_of(first, first + static_cast<ptrdiff_t>(g.last - g.first), takes_lanes);
  }
  p.memory = local_memory(p.kernel);
  p.row_bytes = p.memory.bytes.constant().value_or(kMostShared);
  if (p.row_bytes >= kMostShared || !plan_products(p)) return std::nullopt;
  return p;
}

const MatrixTile* find_row_tile(int64_t rows) {
  const auto* found = std::ranges::find(kRowTiles, rows, &MatrixTile::rows);
  return found == std::end(kRowTiles) ? nullptr : found;
}

int64_t shared_bytes(const MatrixRowsPlan& p, const MatrixTile& tile) {
  constexpr int64_t kAlignment = 128;
  return round_up(tile.rows * p.row_bytes, kAlignment) + tile.shared_bytes();
}

Vec<Alternative> offer_matrix_rows(const Kernel& k, const CudaTarget&) {
  if (!is_relaxed(k)) return {};
  const std::optional<MatrixRowsPlan> plan = plan_matrix_rows(k);
  if (!plan) return {};
  std::optional<Alternative> best;
  for (const MatrixTile& tile : kRowTiles) {
    if (shared_bytes(*plan, tile) > kMostShared) continue;
    Alternative row{.choice = {"rows.mma", {tile.rows}},
                    .needs = Vec<Need>(k.args.size()),
                    .cost = price_of_matrix_rows(*plan, tile),
                    .exact = false};
    if (!best || row.cost < best->cost) best = std::move(row);
  }
  return best ? Vec<Alternative>{std::move(*best)} : Vec<Alternative>();
}

bool fits_matrix_rows(const Kernel& k, const Choice& choice) {
  const MatrixTile* tile = choice.tile.size() == 1 ? find_row_tile(choice.tile[0]) : nullptr;
  if (!tile) return false;
  const std::optional<MatrixRowsPlan> plan = plan_matrix_rows(k);
  return plan && shared_bytes(*plan, *tile) <= kMostShared;
}

}  // namespace rlx::backend::cuda
