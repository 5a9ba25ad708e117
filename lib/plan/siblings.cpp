// Kernels beside each other. Nothing passes between them, so any pairing of their grids is right: loops pair in
// order, which is how products with one operand have them. What is gained is that the values that both read are
// read once, and that a command goes.
#include <algorithm>

#include "plan/fuse.h"
#include "plan/merge.h"

namespace rlx {
namespace {

Vec<Loop> moving(const Kernel& k) {
  Vec<Loop> loops;
  for (const Loop& l : k.grid) {
    if (!l.extent.is(1)) loops.push_back(l);
  }
  return loops;
}

std::optional<LoopNames> paired(const Vec<Loop>& here, const Vec<Loop>& there) {
  const bool alike = std::ranges::equal(here, there, [](const Loop& l, const Loop& m) {
    return l.extent == m.extent && !l.sequential && !m.sequential;
  });
  if (!alike) return std::nullopt;
  LoopNames names;
  for (size_t i = 0; i < here.size(); ++i) names[there[i].id] = here[i].id;
  return names;
}

// Where one's points are rows of the other's: its innermost loops move into the stages. Products keep theirs.
void move_columns(Kernel& k, size_t kept) {
  if (has_product(k)) return;
  const Vec<Loop> loops = moving(k);
  for (size_t i = kept; i < loops.size(); ++i) demote(k, loops[i].id);
}

// Loops of extent 1 pair too where they stand alike, so that later merges find them alike.
Result<LoopNames> pair_grids(Kernel& a, Kernel& b) {
  const size_t common = std::min(moving(a).size(), moving(b).size());
  // One point would have all the work.
  if (common == 0) return refuse("their grids differ");
  move_columns(a, common);
  move_columns(b, common);
  if (auto all = paired(a.grid, b.grid)) return *all;
  if (auto some = paired(moving(a), moving(b))) return *some;
  return refuse("their grids differ");
}

// An access as both kernels would have it: its value, and grid loops by their place among the moving ones; loops
// of a stage by their place there.
struct PlaceOfRead {
  ValueId value;
  Vec<Dim> index;

  bool operator==(const PlaceOfRead&) const = default;
};

Vec<PlaceOfRead> places_read(const Kernel& k) {
  const Vec<Loop> grid = moving(k);
  Vec<PlaceOfRead> places;
  for (const Stage& s : k.stages) {
    LoopMap at;
    auto number = [&](const Vec<Loop>& loops, size_t first) {
      for (size_t i = 0; i < loops.size(); ++i) {
        at[loops[i].id] = Dim::loop(LoopId(static_cast<uint32_t>(first + i)));
      }
    };
    number(grid, 0);
    number(s.loops, grid.size());
    for (const Access& a : s.reads) {
      if (a.of != Access::Of::kArg || !is_affine(a)) continue;
      PlaceOfRead p{.value = k.args[a.tensor].value};
      for (const AxisIndex& i : a.index) p.index.push_back(substitute_loops(i.dim, at));
      const bool moves = std::ranges::any_of(p.index, [](const Dim& d) { return d.has_loops(); });
      if (moves) places.push_back(std::move(p));
    }
  }
  return places;
}

bool read_alike(const Kernel& a, const Kernel& b) {
  const Vec<PlaceOfRead> there = places_read(b);
  return std::ranges::any_of(places_read(a), [&](const PlaceOfRead& p) {
    return std::ranges::find(there, p) != there.end();
  });
}

}  // namespace

Result<Unit> join(const Unit& a, const Unit& b) {
  RLX_TRY_VOID(check_size(a.kernel, b.kernel));
  Kernel k = a.kernel, beside = b.kernel;
  RLX_TRY(LoopNames names, pair_grids(k, beside));
  if (!read_alike(k, beside)) return refuse("they read nothing at the same places");
  rename_apart(beside, std::move(names), k.loop_count);
  for (const Loop& l : beside.grid) {
    if (!find_loop(k.grid, l.id)) k.grid.push_back(l);
  }
  append(k, std::move(beside));
  return merged_unit(std::move(k), a, b);
}

}  // namespace rlx
