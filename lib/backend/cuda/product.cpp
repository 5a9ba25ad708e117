#include "backend/cuda/product.h"

#include <algorithm>

#include "backend/common/grid.h"
#include "backend/common/groups.h"
#include "backend/cuda/price.h"
#include "kernel/address.h"

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

// Which loops are whose, in a product of either kind.
struct Sides {
  Vec<LoopId> rows, columns;
  // From outermost to innermost, as sums go.
  Vec<Loop> depth;
};

std::optional<Sides> sides_of(const Stage& s) {
  if (s.kind() == Kind::kContract) return Sides{s.contract().m, s.contract().n, s.loops};
  if (s.kind() != Kind::kConv) return std::nullopt;
  const Conv& c = s.conv();
  Sides sides{.rows = c.pixel, .columns = {c.out_channel}};
  sides.rows.push_back(c.batch);
  for (const LoopId id : c.window) sides.depth.push_back(*find_loop(s.loops, id));
  sides.depth.push_back(*find_loop(s.loops, c.in_channel));
  return sides;
}

bool is_cut(const Stage& s) {
  const Order* order = order_of(s);
  return order && order->is_cut();
}

// Whether the product's loops lie as the tile wants them.
bool is_tiled(const Stage& s, const ProductLoops& loops, const Sides& sides) {
  if (is_cut(s) || kept_loops(s) != 0) return false;
  if (loops.rows.size() != sides.rows.size() || loops.columns.size() != sides.columns.size()) {
    return false;
  }
  const Vec<ExprId> factors = operands(s);
  return !varies_along(s, factors[0], sides.columns) && !varies_along(s, factors[1], sides.rows);
}

}  // namespace

Dim points_of(const Vec<Loop>& loops) {
  Dim points = 1;
  for (const Loop& l : loops) points = points * l.extent;
  return points;
}

std::optional<ProductLoops> product_loops(const Kernel& k) {
  if (k.stages.empty()) return std::nullopt;
  if (must_run_in_order(k) || first_sequential(k) < k.grid.size()) return std::nullopt;
  if (!are_maps_of_points(k) || !std::ranges::all_of(k.locals, in_register)) return std::nullopt;
  const Stage& s = k.stages[0];
  const std::optional<Sides> sides = sides_of(s);
  if (!sides) return std::nullopt;
  ProductLoops loops{.depth = sides->depth};
  for (const Loop& l : k.grid) {
    if (is_listed(sides->rows, l)) {
      loops.rows.push_back(l);
    } else if (is_listed(sides->columns, l)) {
      loops.columns.push_back(l);
    } else {
      loops.batch.push_back(l);
    }
  }
  return is_tiled(s, loops, *sides) ? std::optional(std::move(loops)) : std::nullopt;
}

bool runs_along(const Kernel& k, const Stage& s, const Access& a, const Loop& l) {
  if (a.of != Access::Of::kArg || l.extent.is(1)) return false;
  const RangeOf range = ranges_of(k, &s, {});
  const std::optional<Dim> stride = lane_stride(address_of(a, k.args[a.tensor], range), l.id, kRun);
  return stride && stride->is(1);
}

Storage depth_last(const Access& a, const Vec<Loop>& depth) {
  Vec<int> order, inner;
  const int rank = static_cast<int>(a.index.size());
  for (const Loop& l : depth) {
    for (int i = 0; i < rank; ++i) {
      const bool moves = uses_loop(a.index[static_cast<size_t>(i)].dim, l.id);
      if (moves && !std::ranges::count(inner, i)) inner.push_back(i);
    }
  }
  for (int i = 0; i < rank; ++i) {
    if (!std::ranges::count(inner, i)) order.push_back(i);
  }
  order.insert(order.end(), inner.begin(), inner.end());
  return Storage::ordered(order);
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
