#include "backend/cpu/tile_shape.h"

#include <algorithm>

#include "image/image.h"
#include "kernel/address.h"
#include "support/integer.h"

namespace rlx::backend::cpu {
namespace {

// Of the right operand at one step, for one vector of columns.
int64_t bytes_of_step(const Kernel& k, const TileLoops& loops, const Product& p) {
  int64_t bytes = 0;
  for (const uint32_t r : p.right) {
    const Access& b = k.stages[p.stage].reads[r];
    if (!depends_on(b, loops.column.id)) continue;
    bytes += bytes_of(k.args[b.tensor].dtype, int64_t{loops.columns} * p.group);
  }
  return bytes;
}

// As many as fit the cache, and enough tiles for many cores where there are few rows. Of one size, as near as tiles
// of vectors come to it: a thread's share is a number of tiles, and the last one ends the work.
int64_t block_panels(const TileShape& s, int64_t panel_bytes, int64_t cache) {
  int64_t fit = cache / std::max<int64_t>(1, panel_bytes);
  std::optional<int64_t> row_tiles = s.row_tiles.constant(), panels = s.panels.constant();
  if (row_tiles && panels && *row_tiles < kManyTiles) {
    fit = std::min(fit, *panels * *row_tiles / kManyTiles);
  }
  fit = std::max<int64_t>(1, fit / s.tile.vectors);
  if (panels.value_or(0) > 0) fit = even_part(ceil_of(*panels, s.tile.vectors), fit);
  return fit * s.tile.vectors;
}

int64_t bytes_of_panel(const Kernel& k, const TileShape& s) {
  int64_t bytes = 0;
  for (size_t i = 0; i < s.products.size(); ++i) {
    bytes += s.products[i].depth.constant().value_or(1024) *
             bytes_of_step(k, s.loops, s.loops.products[i]);
  }
  return bytes;
}

// Whether the right operand's panels lie one behind the other, each of them in the order of the sum.
bool lies_in_panels(const Kernel& k, const TileLoops& loops, const Product& p) {
  const Stage& stage = k.stages[p.stage];
  const Access& b = stage.reads[p.right[0]];
  const Arg& arg = k.args[b.tensor];
  if (p.right.size() != 1 || p.run != 0 || is_sub_byte(arg.dtype)) return false;
  const RangeOf range = ranges_of(k, &stage, {});
  const Dim address = at_step(address_of(b, arg, range), p);
  Dim step = int64_t{loops.columns} * p.group;
  for (size_t i = p.depth.size(); i-- > 0;) {
    if (step_of(address, p.depth[i].id, range) != step) return false;
    const bool is_innermost = i + 1 == p.depth.size();
    step = step * (is_innermost ? ceil_div(p.depth[i].extent, p.group) : p.depth[i].extent);
  }
  return true;
}

// Lines that each kUnroll steps ask for of the next block, of so many panels; 0: none.
int64_t lines_ahead(const Kernel& k, const TileShape& s, int64_t block, int64_t panel_bytes,
                    const CpuTarget& target) {
  constexpr int64_t kMostLines = 4;
  const std::optional<int64_t> row_tiles = s.row_tiles.constant(), panels = s.panels.constant();
  const bool is_known = row_tiles.value_or(0) > 0 && panels && s.products[0].depth.constant();
  const Product& p = s.loops.products[0];
  // A left operand that is staged is computed for each block: these stay as large as can be.
  if (!is_known || s.products.size() != 1 || p.staged) return 0;
  if (!lies_in_panels(k, s.loops, p)) return 0;
  const int64_t bytes = s.tile.vectors * bytes_of_step(k, s.loops, p) * kUnroll;
  const int64_t lines = ceil_of(bytes, kLineBytes * *row_tiles);
  const bool is_there = *panels * panel_bytes <= target.l2_bytes / 2;
  const bool fits = 2 * block * panel_bytes <= target.l2_bytes / 8 * 7;
  return is_there || !fits || lines > kMostLines ? 0 : lines;
}

// Cuts the columns into blocks. Weights are more than the caches hold: the first row tile of a block would wait for
// memory at each step, the others not at all. So each of them brings a part of the next block, and the second cache holds
// both.
void cut_columns(const Kernel& k, TileShape& s, const CpuTarget& target) {
  const int64_t panel_bytes = bytes_of_panel(k, s);
  const int64_t small = block_panels(s, panel_bytes, target.l2_bytes / 4);
  const int64_t lines = lines_ahead(k, s, small, panel_bytes, target);
  s.products[0].ahead = lines;
  s.block = lines != 0 ? small : block_panels(s, panel_bytes, target.l2_bytes / 2);
  s.blocks = ceil_div(s.panels, s.block);
}

ProductShape shape_of(const Kernel& k, const Product& p) {
  ProductShape s{.steps = p.depth};
  s.steps.back().extent = ceil_div(s.steps.back().extent, p.group);
  const Stage& stage = k.stages[p.stage];
  if (const Order* order = order_of(stage); order && order->run) {
    const Steps run = steps_of_run(stage, *order->run);
    s.first = run.first;
    s.steps[0].extent = run.last - run.first;
  }
  s.depth = extent_of(s.steps);
  return s;
}

// Staged operands last, with a vector more, as the last one may be stored whole.
void lay_out_scratch(TileShape& s) {
  const int64_t parked = std::max(s.tile.rows * s.tile.vectors * kVectorBytes, kLanesBytes);
  Dim end = image::kTrapBytes;
  for (size_t i = 0; i < s.products.size(); ++i) {
    s.products[i].parked = end;
    s.products[i].zeros = end + parked;
    const bool corrected = s.loops.products[i].corrected();
    end = end + parked + (corrected ? (bytes_of(s.loops.acc, s.tile.rows) + 63) / 64 * 64 : 0);
  }
  for (size_t i = 0; i < s.products.size(); ++i) {
    if (!s.loops.products[i].staged) continue;
    s.products[i].staged = end;
    end = end + bytes_of(s.loops.acc, s.products[i].depth * s.tile.rows) + kVectorBytes;
  }
  s.scratch_bytes = end;
}

}  // namespace

TileShape shape_of(const Kernel& k, const TileLoops& loops, const Tile& tile,
                   const CpuTarget& target) {
  TileShape s{.loops = loops, .tile = tile};
  s.rows = extent_of(s.loops.rows);
  s.row_tiles = ceil_div(s.rows, s.tile.rows);
  s.panels = ceil_div(s.loops.column.extent, s.loops.columns);
  for (const Product& p : s.loops.products) s.products.push_back(shape_of(k, p));
  cut_columns(k, s, target);
  lay_out_scratch(s);
  return s;
}

TileShape shape_of(const Kernel& k, const Choice& choice, const CpuTarget& target) {
  const std::optional<TileLoops> loops = loops_of(k, choice);
  RLX_CHECK(loops && choice.tile.size() >= 2,
            "a kernel that is no product was given a register tile");
  return shape_of(k, *loops, {choice.tile[0], choice.tile[1]}, target);
}

}  // namespace rlx::backend::cpu
