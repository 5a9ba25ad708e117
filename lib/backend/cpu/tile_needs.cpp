#include "backend/cpu/tile_needs.h"

#include <algorithm>
#include <numeric>

#include "backend/cpu/image_storage.h"

namespace rlx::backend::cpu {
namespace {

// Panels of `columns`: the other axes in `order`, between the column's quotient and remainder. Of the last
// axis a group stays together.
Storage panels(const Arg& arg, int column, int columns, int group, const Vec<int>& order) {
  Storage s;
  s.padding.resize(arg.shape.size());
  auto pad = [&](int axis, int multiple) {
    s.padding[static_cast<size_t>(axis)].multiple = multiple;
  };
  s.dims.push_back({column, columns, 0});
  for (const int axis : order) s.dims.push_back({axis});
  s.dims.push_back({column, 1, columns});
  pad(column, columns);
  if (group > 1) {
    s.dims[s.dims.size() - 2].div = group;
    s.dims.push_back({order.back(), 1, group});
    pad(order.back(), group);
  }
  s.fill = Scalar::of(arg.dtype, 0);
  return s;
}

// Axes of the right operand but the column's, in the order of the depth loops that they move with; batch axes
// first. What a group takes has to be an axis.
std::optional<Vec<int>> depth_order(const Access& b, int column, const Product& p) {
  Vec<int> order, inner;
  for (const Loop& l : p.depth) {
    for (int i = 0; i < static_cast<int>(b.index.size()); ++i) {
      const bool moves = uses_loop(b.index[static_cast<size_t>(i)].dim, l.id);
      if (moves && !std::ranges::count(inner, i)) inner.push_back(i);
    }
  }
  for (int i = 0; i < static_cast<int>(b.index.size()); ++i) {
    if (i != column && !std::ranges::count(inner, i)) order.push_back(i);
  }
  const bool grouped =
      !inner.empty() && b.index[static_cast<size_t>(inner.back())].dim == Dim::loop(p.innermost());
  if (p.group > 1 && !grouped) return std::nullopt;
  order.insert(order.end(), inner.begin(), inner.end());
  return order;
}

// Room behind an axis for what reads find there; none where they go farther.
int64_t room_behind(const Kernel& k, const Stage& s, const Dim& index, const Dim& extent) {
  constexpr int64_t kMost = 16;
  const RangeOf range = ranges_of(k, &s, {});
  for (int64_t hi = 0; hi < kMost; ++hi) {
    if (proven_nonnegative(extent + (hi - 1) - index, range)) return hi;
  }
  return 0;
}

// With what the operand reads behind its axes: a window's steps that have no element.
Storage with_fill(Storage out, const Kernel& k, const Stage& s, const Access& b) {
  for (size_t axis = 0; axis < b.index.size(); ++axis) {
    const Bounds& bounds = b.bounds[axis];
    if (bounds.rule != Bounds::Rule::kFill || (out.fill && *out.fill != bounds.fill)) continue;
    out.padding[axis].hi = room_behind(k, s, b.index[axis].dim, k.args[b.tensor].shape[axis]);
    if (has_padding(out)) out.fill = bounds.fill;
  }
  return out;
}

// Packed where its bytes are known, else contiguous in columns: as it is in row-major order, or with the
// columns' axis moved last. reads_operands() has the last word.
Storage right_operand(const Kernel& k, const TileLoops& loops, const Product& p, const Access& b) {
  const Arg& arg = k.args[b.tensor];
  std::optional<int> axis = column_axis(b, loops.column.id);
  if (arg.constant && axis) {
    if (std::optional<Vec<int>> order = depth_order(b, *axis, p)) {
      return panels(arg, *axis, loops.columns, p.group, *order);
    }
  }
  // An axis of extent 1 behind the columns' would do no harm, but for its padding.
  const int rank = static_cast<int>(arg.shape.size());
  if (!axis || *axis + 1 == rank) return Storage::row_major(rank);
  Vec<int> order;
  for (int i = 0; i < static_cast<int>(b.index.size()); ++i) {
    if (i != *axis) order.push_back(i);
  }
  order.push_back(*axis);
  return Storage::ordered(order);
}

// Of rows that lie a multiple of this many bytes apart, a column's elements are all in one set of the first
// cache, which has room for 8 to 12 lines.
constexpr int64_t kSetBytes = 4096;
constexpr int64_t kFewRows = 6;

// Whether rows so stored, innermost to each other, push each other out of the cache.
bool rows_collide(const Arg& arg, const Storage& s, const Tile& tile) {
  if (tile.rows <= kFewRows || s.dims.size() < 2) return false;
  const std::optional<int64_t> length = padded_extent(s, arg.shape, s.dims.back().axis).constant();
  return length && *length * size_of(arg.dtype) % kSetBytes == 0;
}

// A line more between one row and the next, which nothing reads.
Storage spread(Storage s, DType type) {
  s.padding[static_cast<size_t>(s.dims.back().axis)].hi += kVectorBytes / size_of(type);
  return s;
}

// Channels last, with the halo that the window reads beyond the image.
Storage image_storage(const Kernel& k, const Stage& s) {
  const ConvGeometry g = *conv_geometry(s);
  const Access& x = s.reads[g.image];
  const Arg& arg = k.args[x.tensor];
  Storage out = with_last(arg, g.channels);
  for (const ConvAxis& a : g.axes) {
    out.padding[a.axis] = halo_of(k, s, x.index[a.axis].dim, arg.shape[a.axis]);
  }
  if (has_padding(out)) out.fill = Scalar::of(arg.dtype, 0);
  return out;
}

Storage channels_last(const Arg& arg) {
  Vec<int> order{0};
  for (int i = 2; i < static_cast<int>(arg.shape.size()); ++i) order.push_back(i);
  order.push_back(1);
  return Storage::ordered(order);
}

// Of one product's operands.
Vec<Need> needs_of(const Kernel& k, const TileLoops& loops, const Product& p) {
  const Stage& s = k.stages[p.stage];
  Vec<Need> needs(k.args.size());
  for (const uint32_t r : p.left) needs[s.reads[r].tensor] = Need::plain();
  if (s.kind() == Kind::kConv) {
    const Access& image = s.reads[p.left[0]];
    needs[image.tensor] = Need::like(image_storage(k, s));
  }
  for (const uint32_t r : p.right) {
    const Access& b = s.reads[r];
    const bool columns = depends_on(b, loops.column.id);
    if (!columns) {
      needs[b.tensor] = Need::plain();
      continue;
    }
    needs[b.tensor] = Need::like(with_fill(right_operand(k, loops, p, b), k, s, b));
  }
  return needs;
}

// Plain, in the same order, with room for both; none where their fills differ.
std::optional<Storage> with_room_for(Storage a, const Storage& b) {
  const bool alike = a.is_plain() && b.is_plain() && a.dims == b.dims;
  if (!alike || (a.fill && b.fill && *a.fill != *b.fill)) return std::nullopt;
  for (size_t i = 0; i < a.padding.size(); ++i) {
    AxisPadding& room = a.padding[i];
    room.lo = std::max(room.lo, b.padding[i].lo);
    room.hi = std::max(room.hi, b.padding[i].hi);
    room.multiple = std::lcm(room.multiple, b.padding[i].multiple);
  }
  if (!a.fill) a.fill = b.fill;
  return a;
}

// What meets both; none where nothing does.
std::optional<Need> both(const Need& a, const Need& b) {
  if (a == b || b.kind == Need::Kind::kAny) return a;
  if (a.kind == Need::Kind::kAny) return b;
  if (a.kind == Need::Kind::kPlain) return b.storage.is_plain() ? std::optional(b) : std::nullopt;
  if (b.kind == Need::Kind::kPlain) return a.storage.is_plain() ? std::optional(a) : std::nullopt;
  const std::optional<Storage> storage = with_room_for(a.storage, b.storage);
  return storage ? std::optional(Need::like(*storage)) : std::nullopt;
}

std::optional<Vec<Need>> needs_of_all(const Kernel& k, const TileLoops& loops) {
  Vec<Need> needs(k.args.size());
  for (const Product& p : loops.products) {
    const Vec<Need> own = needs_of(k, loops, p);
    for (size_t a = 0; a < needs.size(); ++a) {
      const std::optional<Need> need = both(needs[a], own[a]);
      if (!need) return std::nullopt;
      needs[a] = *need;
    }
  }
  return needs;
}

}  // namespace

std::optional<int> column_axis(const Access& b, LoopId column) {
  for (size_t i = 0; i < b.index.size(); ++i) {
    if (b.index[i].dim == Dim::loop(column)) return static_cast<int>(i);
  }
  return std::nullopt;
}

Vec<Vec<Need>> operand_needs(const Kernel& k, const TileLoops& loops, const Tile& tile) {
  const std::optional<Vec<Need>> needs = needs_of_all(k, loops);
  if (!needs) return {};
  Vec<Need> spread_out = *needs;
  for (const Product& p : loops.products) {
    // What is staged may load nothing.
    if (p.staged) continue;
    const uint32_t left = k.stages[p.stage].reads[p.left[0]].tensor;
    const Arg& arg = k.args[left];
    const Storage own = (*needs)[left].wanted(static_cast<int>(arg.shape.size()));
    if (rows_collide(arg, own, tile)) spread_out[left] = Need::like(spread(own, arg.dtype));
  }
  if (spread_out == *needs) return {*needs};
  return {spread_out, *needs};
}

Need best_result(const Kernel& k, const TileLoops& loops, const Arg& result) {
  const Product& p = loops.products[0];
  const Stage& s = k.stages[p.stage];
  const size_t rank = result.shape.size();
  if (s.kind() != Kind::kConv) return Need::prefers(Storage::row_major(static_cast<int>(rank)));
  const Access& image = s.reads[p.left[0]];
  return rank == image.index.size() ? Need::prefers(channels_last(result)) : Need();
}

}  // namespace rlx::backend::cpu
