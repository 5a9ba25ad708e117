#include "backend/cpu/phases.h"

#include <algorithm>

#include "kernel/detail.h"
#include "kernel/substitute.h"

namespace rlx::backend::cpu {
namespace {

// The greatest number by which the stage's reads divide the loop.
int64_t divisor_of(const Stage& s, const Loop& l) {
  int64_t most = 1;
  const auto look = [&](const Atom& a) {
    if (a.kind != Atom::Kind::kFloorDiv && a.kind != Atom::Kind::kMod) return;
    if (!uses_loop(a.args[0], l.id)) return;
    most = std::max(most, a.args[1].constant().value_or(1));
  };
  for (const Access& a : s.reads) {
    for (const AxisIndex& i : a.index) each_atom(i.dim, look);
  }
  return most;
}

// Of the grid's pixels; 1: none.
int64_t phases_of(const Kernel& k, const Loop& l) {
  int64_t most = 1;
  for (const Stage& s : k.stages) {
    const bool pixel = s.kind() == Kind::kConv && std::ranges::count(s.conv().pixel, l.id) != 0;
    if (pixel) most = std::max(most, divisor_of(s, l));
  }
  return !l.extent.is(most) && exact_div(l.extent, most) ? most : 1;
}

void simplify_indexes(const Kernel& k, Stage& s) {
  const RangeOf range = ranges_of(k, &s, {});
  for (Vec<Access>* accesses : {&s.reads, &s.writes}) {
    for (Access& a : *accesses) {
      for (AxisIndex& i : a.index) i.dim = simplify(i.dim, range);
    }
  }
  for (Expr& e : s.body) {
    if (e.fn == Fn::kIndex) e.dim = simplify(e.dim, range);
  }
}

void split(Kernel& k, size_t loop, int64_t phases) {
  const Loop whole = k.grid[loop];
  const Loop phase{.id = LoopId(k.loop_count++), .extent = phases};
  k.grid[loop].extent = *exact_div(whole.extent, phases);
  k.grid.insert(k.grid.begin() + static_cast<ptrdiff_t>(loop) + 1, phase);
  for (Stage& s : k.stages) {
    substitute_loops(s, {{whole.id, Dim::loop(whole.id) * phases + Dim::loop(phase.id)}});
    simplify_indexes(k, s);
    if (s.kind() != Kind::kConv) continue;
    Vec<LoopId>& pixel = std::get<Conv>(s.detail).pixel;
    if (std::ranges::count(pixel, whole.id) != 0) pixel.push_back(phase.id);
  }
}

}  // namespace

Kernel in_phases(Kernel k) {
  for (size_t i = k.grid.size(); i-- > 0;) {
    if (const int64_t phases = phases_of(k, k.grid[i]); phases > 1) split(k, i, phases);
  }
  return k;
}

}  // namespace rlx::backend::cpu
