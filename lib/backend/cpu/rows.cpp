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
RowTile tile_of(const RowLoops& loops, const Isa& isa) {
  const int64_t vectors = isa.wide ? 2 : 1;
  const int64_t most = isa.accumulators / vectors;
  const int64_t rows = extent_of(loops.rows).constant().value_or(most);
  if (rows <= most) return {std::max<int64_t>(rows, 1), vectors};
  return {tile_height(rows, most), vectors};
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

// Nothing where a right operand cannot lie so, or two of one value want it otherwise.
std::optional<Vec<Need>> needs_of(const Kernel& k, const Choice& choice) {
  Vec<Need> needs(k.args.size());
  Vec<bool> is_right(k.args.size());
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
      if (!need || (is_right[a.tensor] && needs[a.tensor] != *need)) return std::nullopt;
      is_right[a.tensor] = true;
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

// What may be turned, as bits: nothing, one operand, or all that can be.
Vec<int64_t> turnings(const Kernel& k) {
  const int64_t all = turnable(k);
  Vec<int64_t> bits = {0};
  for (size_t product = 0; product < kMostTurnable; ++product) {
    const int64_t one = all & int64_t{1} << product;
    if (one != 0 && one != all) bits.push_back(one);
  }
  if (all != 0) bits.push_back(all);
  return bits;
}

bool scratch_fits(const Kernel& k, int64_t rows) {
  Dim bytes = 0;
  for (const Local& l : k.locals) bytes = bytes + bytes_of(l.dtype, product(l.shape)) * rows;
  const std::optional<int64_t> known = bytes.constant();
  return !known || *known <= kMostBlockBytes;
}

}  // namespace

RowTile row_tile(const Choice& choice) {
  const Vec<int64_t>& n = choice.tile;
  RLX_CHECK(n.size() == 4, "a block of rows was given other numbers");
  return {n[0], n[1], n[2], n[3]};
}

LoopId column_loop(const Stage& s) { return s.contract().n[0]; }

const Loop& depth_loop(const Stage& s) { return *find_loop(s.loops, s.contract().k[0]); }

Vec<bool> turned_stages(const Kernel& k, const Choice& choice) {
  Vec<bool> turned;
  const int64_t bits = row_tile(choice).turned;
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
  const Vec<int64_t> bits = turnings(k);
  RowTile tile = tile_of(*loops, Isa(target));
  Vec<Alternative> rows;
  for (const int64_t tiles : {1, 2, 4}) {
    tile.tiles = tiles;
    if (!scratch_fits(k, tile.block())) break;
    for (const int64_t turned : bits) {
      const Choice c{"rows", {tile.rows, tile.vectors, tiles, turned}};
      std::optional<Vec<Need>> needs = needs_of(k, c);
      if (needs) rows.push_back({c, std::move(*needs), price_of_rows(k, *loops, c, target)});
    }
  }
  return rows;
}

bool fits_rows(const Kernel& k, const Choice& choice) {
  constexpr int64_t kMost = 32;
  if (choice.tile.size() != 4) return false;
  const RowTile tile = row_tile(choice);
  const auto is_count = [](int64_t n) { return n >= 1 && n <= kMost; };
  if (!is_count(tile.rows) || !is_count(tile.vectors) || !is_count(tile.tiles)) return false;
  if (!row_loops(k) || !scratch_fits(k, tile.block())) return false;
  return tile.turned >= 0 && (tile.turned & ~turnable(k)) == 0;
}

}  // namespace rlx::backend::cpu
