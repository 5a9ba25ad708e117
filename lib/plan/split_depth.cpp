#include "plan/split_depth.h"

#include <algorithm>

#include "kernel/substitute.h"

namespace rlx {
namespace {

// The number by which a read divides the loop, where its extent is a multiple of it.
std::optional<int64_t> block_of(const Stage& s, const Loop& l) {
  std::optional<int64_t> block;
  const auto look = [&](const Atom& a) {
    if (block || a.kind != Atom::Kind::kFloorDiv || a.args[0] != Dim::loop(l.id)) return;
    const std::optional<int64_t> by = a.args[1].constant();
    if (by && *by > 1 && exact_div(l.extent, *by)) block = by;
  };
  for (const Access& a : s.reads) {
    for (const AxisIndex& i : a.index) each_atom(i.dim, look);
  }
  return block;
}

void split(Kernel& k, Stage& s, size_t loop, int64_t block) {
  const Loop whole = s.loops[loop];
  const LoopId outer = LoopId(k.loop_count++), inner = LoopId(k.loop_count++);
  s.loops[loop] = {.id = outer, .extent = *exact_div(whole.extent, block)};
  s.loops.insert(s.loops.begin() + static_cast<ptrdiff_t>(loop) + 1,
                 {.id = inner, .extent = block});
  Vec<LoopId>& depth = std::get<Contract>(s.detail).k;
  const auto at = std::ranges::find(depth, whole.id);
  *at = outer;
  depth.insert(at + 1, inner);
  substitute_loops(s, {{whole.id, Dim::loop(outer) * block + Dim::loop(inner)}});
  const RangeOf range = ranges_of(k, &s, {});
  for (Access& a : s.reads) {
    for (AxisIndex& i : a.index) i.dim = simplify(i.dim, range);
  }
}

}  // namespace

void split_depth(Kernel& k, Stage& s) {
  for (size_t i = 0; i < s.loops.size(); ++i) {
    if (!std::ranges::count(s.contract().k, s.loops[i].id)) continue;
    while (const std::optional<int64_t> block = block_of(s, s.loops[i])) split(k, s, i, *block);
  }
}

}  // namespace rlx
