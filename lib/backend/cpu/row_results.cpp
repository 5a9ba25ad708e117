#include "backend/cpu/row_results.h"

#include <algorithm>

#include "backend/cpu/nest.h"
#include "kernel/substitute.h"

namespace rlx::backend::cpu {
namespace {

// Whether the index is the first loops, one by one.
bool is_at(const Access& a, const Vec<Loop>& loops) {
  for (size_t i = 0; i < a.index.size(); ++i) {
    if (a.index[i].expr || a.index[i].dim != Dim::loop(loops[i].id)) return false;
    if (a.bounds[i].rule != Bounds::Rule::kProven) return false;
  }
  return true;
}

bool is_local(const Access& a, uint32_t local) {
  return a.of == Access::Of::kLocal && a.tensor == local;
}

bool reads_elsewhere(const Kernel& k, size_t map, uint32_t local) {
  for (size_t i = 0; i < k.stages.size(); ++i) {
    const auto is_it = [&](const Access& a) { return is_local(a, local); };
    if (i != map && std::ranges::any_of(k.stages[i].reads, is_it)) return true;
  }
  return false;
}

// Whether the sum reads again, at other points, what the map would by then have written.
bool writes_over(const Stage& map, const Stage& sum) {
  return std::ranges::any_of(map.writes, [&](const Access& w) {
    return std::ranges::any_of(
        sum.reads, [&](const Access& r) { return w.of == r.of && w.tensor == r.tensor; });
  });
}

bool same_extents(const Vec<Loop>& a, const Vec<Loop>& b, size_t count) {
  return a.size() == count &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [](const Loop& x, const Loop& y) { return x.extent == y.extent; });
}

bool folds(const Kernel& k, size_t sum) {
  const Stage &s = k.stages[sum], &m = k.stages[sum + 1];
  const bool kinds =
      (s.kind() == Kind::kReduce || s.kind() == Kind::kContract) && m.kind() == Kind::kMap;
  if (!kinds || s.writes.size() != 1 || s.writes[0].of != Access::Of::kLocal) return false;
  const Access& left = s.writes[0];
  const size_t kept = kept_loops(s);
  const bool plain = left.combine == Combine::kSet && left.index.size() == kept;
  if (!plain || !is_at(left, s.loops)) return false;
  if (!same_extents(m.loops, s.loops, kept) || writes_over(m, s)) return false;
  return !reads_elsewhere(k, sum + 1, left.tensor) &&
         std::ranges::all_of(m.reads, [&](const Access& r) {
           return !is_local(r, left.tensor) || is_at(r, m.loops);
         });
}

void fold(Stage& s, Stage m) {
  LoopMap at;
  for (size_t i = 0; i < m.loops.size(); ++i) at[m.loops[i].id] = Dim::loop(s.loops[i].id);
  substitute_loops(m, at);
  const uint32_t left = s.writes[0].tensor;
  Vec<ExprId> place;
  auto placed = [&](AxisIndex i) {
    if (i.expr) i.expr = place[i.expr->index];
    return i;
  };
  for (Expr e : m.body) {
    if (e.fn == Fn::kLoad && is_local(m.reads[e.index], left)) {
      place.push_back(s.results[0]);
      continue;
    }
    for (ExprId& a : e.args) a = place[a.index];
    if (e.fn == Fn::kLoad) {
      Access read = m.reads[e.index];
      std::ranges::transform(read.index, read.index.begin(), placed);
      e.index = static_cast<uint32_t>(s.reads.size());
      s.reads.push_back(std::move(read));
    }
    place.push_back(add(s.body, std::move(e)));
  }
  s.results.clear();
  for (const ExprId r : m.results) s.results.push_back(place[r.index]);
  for (Access& w : m.writes) std::ranges::transform(w.index, w.index.begin(), placed);
  s.writes = std::move(m.writes);
}

}  // namespace

void fold_maps_into_results(Kernel& k) {
  for (size_t i = 0; i + 1 < k.stages.size(); ++i) {
    while (i + 1 < k.stages.size() && folds(k, i)) {
      fold(k.stages[i], k.stages[i + 1]);
      k.stages.erase(k.stages.begin() + static_cast<ptrdiff_t>(i) + 1);
    }
  }
  drop_unused(k);
}

}  // namespace rlx::backend::cpu
