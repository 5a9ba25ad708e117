#include "backend/cuda/product.h"

#include <algorithm>

#include "backend/common/grid.h"
#include "backend/common/groups.h"
#include "backend/cuda/price.h"

namespace rlx::backend::cuda {

namespace {

constexpr int64_t kSizes[] = {8, 4, 2};

bool is_listed(const Vec<LoopId>& ids, const Loop& l) { return std::ranges::count(ids, l.id) != 0; }

// Whether what the operand is made of changes along one of the loops.
bool varies_along(const Stage& s, ExprId operand, const Vec<LoopId>& loops) {
  const Vec<bool> cone = needed(s, {operand});
  for (size_t i = 0; i < cone.size(); ++i) {
    const Expr& e = s.body[i];
    if (!cone[i]) continue;
    if (e.fn == Fn::kIndex && uses_any(e.dim, loops)) return true;
    if (e.fn != Fn::kLoad) continue;
    for (const AxisIndex& index : s.reads[e.index].index) {
      if (uses_any(index.dim, loops)) return true;
    }
  }
  return false;
}

bool are_maps_of_points(const Kernel& k) {
  return std::all_of(k.stages.begin() + 1, k.stages.end(),
                     [](const Stage& s) { return s.kind() == Kind::kMap && s.loops.empty(); });
}

// Whether the product's loops lie as the tile wants them.
bool is_tiled(const Stage& s, const Contract& c, const ProductLoops& loops) {
  if (c.order.is_cut() || kept_loops(s) != 0) return false;
  if (loops.rows.size() != c.m.size() || loops.columns.size() != c.n.size()) return false;
  return !varies_along(s, c.a, c.n) && !varies_along(s, c.b, c.m);
}

}  // namespace

Dim points_of(const Vec<Loop>& loops) {
  Dim points = 1;
  for (const Loop& l : loops) points = points * l.extent;
  return points;
}

std::optional<ProductLoops> product_loops(const Kernel& k) {
  if (k.stages.empty() || k.stages[0].kind() != Kind::kContract) return std::nullopt;
  if (must_run_in_order(k) || first_sequential(k) < k.grid.size()) return std::nullopt;
  if (!are_maps_of_points(k) || !std::ranges::all_of(k.locals, in_register)) return std::nullopt;
  const Stage& s = k.stages[0];
  const Contract& c = s.contract();
  ProductLoops loops{.depth = s.loops};
  for (const Loop& l : k.grid) {
    if (is_listed(c.m, l)) {
      loops.rows.push_back(l);
    } else if (is_listed(c.n, l)) {
      loops.columns.push_back(l);
    } else {
      loops.batch.push_back(l);
    }
  }
  return is_tiled(s, c, loops) ? std::optional(std::move(loops)) : std::nullopt;
}

Vec<Alternative> offer_product(const Kernel& k, const CudaTarget&) {
  const std::optional<ProductLoops> loops = product_loops(k);
  if (!loops) return {};
  std::optional<Alternative> best;
  for (const int64_t size : kSizes) {
    Alternative row{.choice = {"contract.shared", {size}},
                    .needs = Vec<Need>(k.args.size()),
                    .cost = price_of_product(k, *loops, size)};
    if (!best || row.cost < best->cost) best = std::move(row);
  }
  return {std::move(*best)};
}

bool fits_product(const Kernel& k, const Choice& choice) {
  return choice.tile.size() == 1 && std::ranges::count(kSizes, choice.tile[0]) &&
         product_loops(k).has_value();
}

}  // namespace rlx::backend::cuda
