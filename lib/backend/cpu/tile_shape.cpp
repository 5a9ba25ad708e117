#include "backend/cpu/tile_shape.h"

#include <algorithm>

namespace rlx::backend::cpu {
namespace {

// Of the right operand at one step, for one vector of columns.
int64_t bytes_of_step(const Kernel& k, const TileShape& s) {
  int64_t bytes = 0;
  for (const uint32_t r : s.loops.right) {
    const Access& b = k.stages[0].reads[r];
    const bool columns = std::ranges::any_of(
        b.index, [&](const AxisIndex& i) { return uses_loop(i.dim, s.loops.column.id); });
    if (!columns) continue;
    bytes += bytes_of(k.args[b.tensor].dtype, int64_t{s.loops.columns} * s.loops.group);
  }
  return bytes;
}

// Half of the second-level cache, and enough tiles for many cores where there are few rows.
int64_t block_panels(const Kernel& k, const TileShape& s, const CpuTarget& target) {
  const int64_t panel_bytes = s.depth.constant().value_or(1024) * bytes_of_step(k, s);
  int64_t fit = target.l2_bytes / 2 / std::max<int64_t>(1, panel_bytes);
  std::optional<int64_t> row_tiles = s.row_tiles.constant(), panels = s.panels.constant();
  if (row_tiles && panels && *row_tiles < kManyTiles) {
    fit = std::min(fit, *panels * *row_tiles / kManyTiles);
  }
  if (panels) fit = std::min(fit, *panels);
  return std::max<int64_t>(1, fit / s.tile.vectors) * s.tile.vectors;
}

}  // namespace

int64_t TileShape::parked_bytes() const {
  return std::max(tile.rows * tile.vectors * kVectorBytes, kLanesBytes);
}

int64_t TileShape::zero_bytes() const {
  return loops.corrected() ? (bytes_of(loops.acc, tile.rows) + 63) / 64 * 64 : 0;
}

// A vector more, as the last one may be stored whole.
Dim TileShape::staged_bytes() const {
  if (!loops.staged) return 0;
  return bytes_of(loops.acc, depth * tile.rows) + kVectorBytes;
}

TileShape shape_of(const Kernel& k, const Choice& choice, const CpuTarget& target) {
  std::optional<TileLoops> loops = loops_of(k, choice);
  RLX_CHECK(loops && choice.tile.size() >= 2,
            "a kernel that is no product was given a register tile");
  TileShape s;
  s.loops = *loops;
  s.tile = {choice.tile[0], choice.tile[1]};
  s.rows = extent_of(s.loops.rows);
  s.row_tiles = ceil_div(s.rows, s.tile.rows);
  s.panels = ceil_div(s.loops.column.extent, s.loops.columns);
  s.steps = s.loops.depth;
  s.steps.back().extent = ceil_div(s.steps.back().extent, s.loops.group);
  s.depth = extent_of(s.steps);
  s.block = block_panels(k, s, target);
  s.blocks = ceil_div(s.panels, s.block);
  return s;
}

}  // namespace rlx::backend::cpu
