#include "backend/cpu/tile_shape.h"

#include <algorithm>

#include "image/image.h"
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

// Half of the second-level cache, and enough tiles for many cores where there are few rows. Of one size, as near as tiles
// of vectors come to it: a thread's share is a number of tiles, and the last one ends the work.
int64_t block_panels(const Kernel& k, const TileShape& s, const CpuTarget& target) {
  int64_t panel_bytes = 0;
  for (size_t i = 0; i < s.products.size(); ++i) {
    panel_bytes += s.products[i].depth.constant().value_or(1024) *
                   bytes_of_step(k, s.loops, s.loops.products[i]);
  }
  int64_t fit = target.l2_bytes / 2 / std::max<int64_t>(1, panel_bytes);
  std::optional<int64_t> row_tiles = s.row_tiles.constant(), panels = s.panels.constant();
  if (row_tiles && panels && *row_tiles < kManyTiles) {
    fit = std::min(fit, *panels * *row_tiles / kManyTiles);
  }
  fit = std::max<int64_t>(1, fit / s.tile.vectors);
  if (panels) fit = even_part((*panels + s.tile.vectors - 1) / s.tile.vectors, fit);
  return fit * s.tile.vectors;
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
  s.block = block_panels(k, s, target);
  s.blocks = ceil_div(s.panels, s.block);
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
