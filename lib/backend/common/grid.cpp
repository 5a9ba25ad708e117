#include "backend/common/grid.h"

#include <algorithm>

#include "backend/common/ref.h"
#include "kernel/estimate.h"
#include "kernel/substitute.h"

namespace rlx::backend {
namespace {

bool has_sequential(const Kernel& k) {
  return std::any_of(k.grid.begin(), k.grid.end(), [](const Loop& l) { return l.sequential; });
}

// The last access that writes an argument; null: none.
const Access* main_write(const Kernel& k) {
  for (size_t i = k.stages.size(); i-- > 0;) {
    for (const Access& w : k.stages[i].writes) {
      if (w.of == Access::Of::kArg) return &w;
    }
  }
  return nullptr;
}

}  // namespace

bool must_run_in_order(const Stage& s) {
  return std::ranges::any_of(s.writes, [](const Access& w) {
    return w.combine != Combine::kSet ||
           std::ranges::any_of(w.index, [](const AxisIndex& i) { return i.expr.has_value(); });
  });
}

bool must_run_in_order(const Kernel& k) {
  return std::ranges::any_of(k.stages, [](const Stage& s) { return must_run_in_order(s); });
}

size_t first_sequential(const Kernel& k) {
  auto it = std::find_if(k.grid.begin(), k.grid.end(), [](const Loop& l) { return l.sequential; });
  return static_cast<size_t>(it - k.grid.begin());
}

void order_grid(Kernel& k, LoopId lane_loop) {
  const Access* write = main_write(k);
  if (!write || has_sequential(k)) return;
  const RangeOf ranges = loop_ranges(k, nullptr);
  Dim address = address_of(*write, k.args[write->tensor], ranges);
  auto stride = [&](const Loop& l) {
    return estimate(substitute_loops(address, {{l.id, Dim(1)}}) -
                    substitute_loops(address, {{l.id, Dim(0)}}));
  };
  std::stable_sort(k.grid.begin(), k.grid.end(), [&](const Loop& a, const Loop& b) {
    if (a.id == lane_loop || b.id == lane_loop) return b.id == lane_loop && a.id != lane_loop;
    return stride(a) > stride(b);
  });
}

// ---- Merging ----------------------------------------------------------------------------------

namespace {

// Everything that loops give to code: addresses, guards, index expressions.
Vec<Dim> dims_of(const Kernel& k) {
  Vec<Dim> dims;
  for (const Stage& s : k.stages) {
    StageRefs refs = resolve(k, s, {});
    for (const Vec<Ref>* some : {&refs.reads, &refs.writes}) {
      for (const Ref& r : *some) {
        dims.push_back(r.address);
        for (const Guard& g : r.guards) dims.push_back(g.index);
      }
    }
    for (const Expr& e : s.body) {
      if (e.fn == Fn::kIndex) dims.push_back(e.dim);
    }
  }
  return dims;
}

// Whether all dims depend on outer * extent(inner) + inner alone.
bool can_merge(const Vec<Dim>& dims, const Loop& outer, const Loop& inner) {
  Dim both = Dim::loop(outer.id) * inner.extent + Dim::loop(inner.id);
  for (const Dim& d : dims) {
    const Dim alone = substitute_loops(d, {{outer.id, Dim(0)}});
    if (substitute_loops(alone, {{inner.id, both}}) != d) return false;
  }
  return true;
}

// Loops [first, last) of the grid become one.
void merge(Kernel& k, size_t first, size_t last) {
  Loop merged{.id = LoopId(k.loop_count++), .extent = 1};
  LoopMap parts;
  Dim rest = Dim::loop(merged.id);
  for (size_t i = last; i-- > first;) {
    const Loop& l = k.grid[i];
    parts[l.id] = i == first ? rest : mod(rest, l.extent);
    rest = floor_div(rest, l.extent);
    merged.extent = merged.extent * l.extent;
  }
  for (Stage& s : k.stages) substitute_loops(s, parts);
  auto begin = k.grid.begin();
  k.grid.erase(begin + static_cast<ptrdiff_t>(first) + 1, begin + static_cast<ptrdiff_t>(last));
  k.grid[first] = merged;
}

bool is_one(const Dim& d) { return d.is(1); }

// Loops of one step are no loops.
void drop_single_steps(Kernel& k, LoopId lane_loop) {
  LoopMap zero;
  for (const Loop& l : k.grid) {
    if (is_one(l.extent) && l.id != lane_loop && !l.sequential) zero[l.id] = 0;
  }
  std::erase_if(k.grid, [&](const Loop& l) { return zero.contains(l.id); });
  for (Stage& s : k.stages) substitute_loops(s, zero);
}

}  // namespace

LoopId merge_grid_loops(Kernel& k, LoopId lane_loop) {
  if (has_sequential(k)) return lane_loop;
  drop_single_steps(k, lane_loop);
  const Vec<Dim> dims = dims_of(k);
  for (size_t last = k.grid.size(); last > 1;) {
    size_t first = last - 1;
    while (first > 0 && can_merge(dims, k.grid[first - 1], k.grid[first])) --first;
    if (first + 1 < last) merge(k, first, last);
    last = first;
  }
  return lane_loop.valid() ? k.grid.back().id : lane_loop;
}

}  // namespace rlx::backend
