#include "backend/cpu/rows.h"

#include <algorithm>

#include "backend/cpu/isa.h"
#include "backend/cpu/loops.h"
#include "backend/cpu/price.h"
#include "backend/cpu/tile.h"
#include "kernel/address.h"

namespace rlx::backend::cpu {
namespace {

// Bits of a choice's number that are no sign.
constexpr size_t kMostTurnable = 63;
// What the rows of a block may take in scratch.
constexpr int64_t kMostBlockBytes = int64_t{1} << 20;

bool is_row_product(const Stage& s) {
  const Contract& c = s.contract();
  if (c.acc != DType::kF32 || c.n.size() != 1 || !find_loop(s.loops, c.n[0])) return false;
  if (s.loops.size() != c.k.size() + 1 || s.loops[0].id != c.n[0]) return false;
  return std::ranges::all_of(loaded_reads(s, c.b), [&](uint32_t r) {
    return s.reads[r].of == Access::Of::kArg && !indexed_by_data(s.reads[r]);
  });
}

bool block_takes(const Stage& s) {
  switch (s.kind()) {
    case Kind::kMap:
    case Kind::kReduce: return only_sets(s);
    case Kind::kContract: return only_sets(s) && is_row_product(s) && !s.contract().order.is_cut();
    case Kind::kScan:
    case Kind::kConv:
    case Kind::kSort: break;
  }
  return false;
}

bool has_product(const Kernel& k) {
  return std::ranges::any_of(k.stages, [](const Stage& s) { return s.kind() == Kind::kContract; });
}

bool dies_with_its_step(const Local& l) { return l.carry.empty(); }

// Whether the right operand of a product depends on the loop.
bool is_batch(const Kernel& k, LoopId loop) {
  return std::ranges::any_of(k.stages, [&](const Stage& s) {
    return s.kind() == Kind::kContract && depends_on(s, s.contract().b, loop);
  });
}

// As many rows as sums in two vectors, or one, leave registers for, and no more than there are.
Vec<int64_t> tile_of(const RowLoops& loops, const Isa& isa) {
  const int64_t vectors = isa.wide ? 2 : 1;
  const int64_t most = isa.accumulators / vectors;
  const int64_t rows = extent_of(loops.rows).constant().value_or(most);
  if (rows <= most) return {std::max<int64_t>(rows, 1), vectors};
  const int64_t blocks = (rows + most - 1) / most;
  return {(rows + blocks - 1) / blocks, vectors};
}

// The axis along which each step of the loop goes one further, wherever it begins; nullopt: there is none, or it is not
// the only one that moves.
std::optional<int> axis_along(const Access& a, LoopId loop) {
  std::optional<int> found;
  for (size_t i = 0; i < a.index.size(); ++i) {
    if (!uses_loop(a.index[i].dim, loop)) continue;
    if (found || uses_loop(a.index[i].dim - Dim::loop(loop), loop)) return std::nullopt;
    found = static_cast<int>(i);
  }
  return found;
}

// With this axis innermost, the others in their order.
Storage with_innermost(const Arg& arg, int axis) {
  Vec<int> order;
  for (int i = 0; i < static_cast<int>(arg.shape.size()); ++i) {
    if (i != axis) order.push_back(i);
  }
  order.push_back(axis);
  return Storage::ordered(order);
}

// How a read of a right operand has to lie: contiguous along that loop, where it moves along it.
std::optional<Need> right_need(const Access& a, const Arg& arg, LoopId loop) {
  if (!depends_on(a, loop)) return Need::plain();
  const std::optional<int> axis = axis_along(a, loop);
  return axis ? std::optional(Need::like(with_innermost(arg, *axis))) : std::nullopt;
}

// What a tile's columns of a turned operand may take in scratch.
constexpr int64_t kMostTurned = 512;

bool can_turn(const Kernel& k, const Stage& s) {
  const Contract& c = s.contract();
  const std::optional<int64_t> depth =
      c.k.size() == 1 ? depth_loop(s).extent.constant() : std::nullopt;
  if (!depth || *depth < 1 || *depth > kMostTurned || s.body[c.b.index].type != DType::kF32) {
    return false;
  }
  const Vec<uint32_t> right = loaded_reads(s, c.b);
  return std::ranges::any_of(right, [&](uint32_t r) {
    const Access& a = s.reads[r];
    return axis_along(a, c.k[0]) && axis_along(a, column_loop(s)) && !k.args[a.tensor].constant;
  });
}

void add_needs(Vec<Need>& needs, const Vec<Need>& more) {
  for (size_t a = 0; a < needs.size(); ++a) {
    if (more[a].kind != Need::Kind::kAny) needs[a] = more[a];
  }
}

// Results lie best as they are computed: along the loop that runs over lanes.
void prefer_columns(const Kernel& k, const Stage& s, Vec<Need>& needs) {
  if (s.loops.empty()) return;
  const LoopId column = s.kind() == Kind::kContract ? column_loop(s) : s.loops.back().id;
  for (const Access& w : s.writes) {
    if (w.of != Access::Of::kArg) continue;
    const auto axis = std::ranges::find_if(
        w.index, [&](const AxisIndex& i) { return i.dim.as_loop() == column; });
    if (axis == w.index.end()) continue;
    const auto innermost = static_cast<int>(axis - w.index.begin());
    needs[w.tensor] = Need::prefers(with_innermost(k.args[w.tensor], innermost));
  }
}

// Nothing where a right operand cannot lie so.
std::optional<Vec<Need>> needs_of(const Kernel& k, const Choice& choice) {
  Vec<Need> needs(k.args.size());
  const Vec<bool> turned = turned_stages(k, choice);
  for (size_t i = 0; i < k.stages.size(); ++i) {
    const Stage& s = k.stages[i];
    if (const auto windows = window_needs(k, s)) add_needs(needs, *windows);
    prefer_columns(k, s, needs);
    if (s.kind() != Kind::kContract) continue;
    const LoopId side = turned[i] ? depth_loop(s).id : column_loop(s);
    for (const uint32_t r : loaded_reads(s, s.contract().b)) {
      const Access& a = s.reads[r];
      if (a.of == Access::Of::kArg && is_sub_byte(k.args[a.tensor].dtype)) return std::nullopt;
      const std::optional<Need> need = right_need(a, k.args[a.tensor], side);
      if (!need) return std::nullopt;
      needs[a.tensor] = *need;
    }
  }
  return needs;
}

// The products that can have their right operand turned, as bits.
int64_t turnable(const Kernel& k) {
  int64_t bits = 0;
  size_t product = 0;
  for (const Stage& s : k.stages) {
    if (s.kind() != Kind::kContract || product == kMostTurnable) continue;
    bits |= int64_t{can_turn(k, s)} << product++;
  }
  return bits;
}

bool scratch_fits(const Kernel& k, int64_t rows) {
  Dim bytes = 0;
  for (const Local& l : k.locals) bytes = bytes + bytes_of(l.dtype, product(l.shape)) * rows;
  const std::optional<int64_t> known = bytes.constant();
  return !known || *known <= kMostBlockBytes;
}

}  // namespace

LoopId column_loop(const Stage& s) { return s.contract().n[0]; }

const Loop& depth_loop(const Stage& s) { return *find_loop(s.loops, s.contract().k[0]); }

Vec<bool> turned_stages(const Kernel& k, const Choice& choice) {
  Vec<bool> turned;
  const int64_t bits = choice.tile.size() == 3 ? choice.tile[2] : 0;
  size_t product = 0;
  for (const Stage& s : k.stages) {
    const bool may_be = s.kind() == Kind::kContract && product < kMostTurnable;
    turned.push_back(may_be && (bits >> product++ & 1) != 0);
  }
  return turned;
}

std::optional<RowLoops> row_loops(const Kernel& k) {
  const bool sound = has_product(k) && std::ranges::all_of(k.locals, dies_with_its_step) &&
                     std::ranges::all_of(k.stages, block_takes);
  if (!sound) return std::nullopt;
  RowLoops loops;
  for (const Loop& l : k.grid) {
    if (l.sequential) return std::nullopt;
    (is_batch(k, l.id) ? loops.batch : loops.rows).push_back(l);
  }
  return loops;
}

Vec<Alternative> offer_rows(const Kernel& k, const CpuTarget& target) {
  const std::optional<RowLoops> loops = row_loops(k);
  if (!loops) return {};
  const Vec<int64_t> tile = tile_of(*loops, Isa(target));
  if (!scratch_fits(k, tile[0])) return {};
  Vec<Choice> choices = {{"rows", tile}};
  if (const int64_t turned = turnable(k)) choices.push_back({"rows", {tile[0], tile[1], turned}});
  Vec<Alternative> rows;
  for (const Choice& c : choices) {
    std::optional<Vec<Need>> needs = needs_of(k, c);
    if (needs) rows.push_back({c, std::move(*needs), price_of_rows(k, *loops, c, target)});
  }
  return rows;
}

bool fits_rows(const Kernel& k, const Choice& choice) {
  constexpr int64_t kMost = 32;
  const Vec<int64_t>& tile = choice.tile;
  if (tile.size() != 2 && tile.size() != 3) return false;
  if (tile[0] < 1 || tile[0] > kMost || tile[1] < 1 || tile[1] > kMost) return false;
  if (!row_loops(k) || !scratch_fits(k, tile[0])) return false;
  return tile.size() == 2 || (tile[2] > 0 && (tile[2] & ~turnable(k)) == 0);
}

}  // namespace rlx::backend::cpu
