#include "backend/cpu/tile.h"

#include <algorithm>

#include "backend/common/int_range.h"
#include "backend/cpu/image_storage.h"
#include "backend/cpu/price.h"
#include "kernel/address.h"

namespace rlx::backend::cpu {
namespace {

bool depends_on(const Access& a, LoopId loop) {
  return std::any_of(a.index.begin(), a.index.end(),
                     [&](const AxisIndex& i) { return uses_loop(i.dim, loop); });
}

bool depends_on(const Stage& s, ExprId root, LoopId loop) {
  const Vec<bool> cone = needed(s, {root});
  for (size_t i = 0; i < cone.size(); ++i) {
    const Expr& e = s.body[i];
    if (!cone[i]) continue;
    if (e.fn == Fn::kLoad && depends_on(s.reads[e.index], loop)) return true;
    if (e.fn == Fn::kIndex && uses_loop(e.dim, loop)) return true;
  }
  return false;
}

bool is_epilogue(const Kernel& k) {
  return std::all_of(k.stages.begin() + 1, k.stages.end(),
                     [](const Stage& s) { return s.kind() == Kind::kMap && s.loops.empty(); });
}

// Rows past the end repeat the last row: what is written twice must not add up.
bool writes_only_set(const Kernel& k) { return std::ranges::all_of(k.stages, only_sets); }

// The halo of its image is a number, so the padding has to be one.
bool is_plain_conv(const Conv& c) {
  return c.groups == 1 && std::all_of(c.pads_lo.begin(), c.pads_lo.end(),
                                      [](const Dim& pad) { return pad.constant().has_value(); });
}

// What the products are summed up in, where the tile knows how.
std::optional<DType> sum_type(const Stage& s) {
  const bool product =
      s.kind() == Kind::kContract || (s.kind() == Kind::kConv && is_plain_conv(s.conv()));
  if (!product) return std::nullopt;
  const DType acc = accumulator_types(s)[0];
  const bool computed = acc != DType::kBool && acc == compute_type(acc);
  return computed ? std::optional(acc) : std::nullopt;
}

bool reads_args(const Stage& s) {
  return std::all_of(s.reads.begin(), s.reads.end(),
                     [](const Access& a) { return a.of == Access::Of::kArg; });
}

// Whether pointers that move along the depth find all that the operand is made of.
bool is_addressed(const Stage& s, ExprId operand) {
  const Vec<bool> cone = needed(s, {operand});
  for (size_t i = 0; i < cone.size(); ++i) {
    const Expr& e = s.body[i];
    if (!cone[i]) continue;
    if (e.fn == Fn::kLoad && indexed_by_data(s.reads[e.index])) return false;
    if (e.fn == Fn::kIndex && e.dim.has_loops()) return false;
  }
  return true;
}

std::optional<LoopId> column_of(const Stage& s) {
  if (s.kind() == Kind::kConv) return s.conv().out_channel;
  if (s.contract().n.size() != 1) return std::nullopt;
  return s.contract().n[0];
}

// A convolution sums over its window first, then over channels: innermost is what lies innermost.
Vec<Loop> depth_of(const Stage& s) {
  Vec<Loop> depth = s.loops;
  if (s.kind() == Kind::kConv) {
    std::stable_partition(depth.begin(), depth.end(),
                          [&](const Loop& l) { return l.id != s.conv().in_channel; });
  }
  return depth;
}

bool is_local_scalar(const Kernel& k) {
  return std::all_of(k.locals.begin(), k.locals.end(),
                     [](const Local& l) { return l.shape.empty() && l.carry.empty(); });
}

// The axis of the right operand that the column loop alone indexes.
std::optional<int> column_axis(const Access& b, LoopId column) {
  for (size_t i = 0; i < b.index.size(); ++i) {
    if (b.index[i].dim == Dim::loop(column)) return static_cast<int>(i);
  }
  return std::nullopt;
}

// Whether the columns of a vector lie so in memory; of a read that moves within groups, whether these do.
bool is_contiguous(const Kernel& k, const Access& b, const TileLoops& loops) {
  const RangeOf range = ranges_of(k, k.stages.data(), {});
  const Dim address = address_of(b, k.args[b.tensor], range);
  const bool grouped = loops.group > 1 && depends_on(b, loops.innermost());
  std::optional<Dim> stride = lane_stride(at_step(address, loops), loops.column.id, loops.columns);
  if (!stride || !stride->is(grouped ? loops.group : 1)) return false;
  return !grouped || lane_stride(address, loops.innermost(), loops.group) == Dim(1);
}

// Panels of `columns`: the other axes in `order`, between the column's quotient and remainder. Of the last
// axis a group stays together.
Storage panels(const Arg& arg, int column, const TileLoops& loops, const Vec<int>& order) {
  Storage s;
  s.padding.resize(arg.shape.size());
  auto pad = [&](int axis, int multiple) {
    s.padding[static_cast<size_t>(axis)].multiple = multiple;
  };
  s.dims.push_back({column, loops.columns, 0});
  for (const int axis : order) s.dims.push_back({axis});
  s.dims.push_back({column, 1, loops.columns});
  pad(column, loops.columns);
  if (loops.group > 1) {
    s.dims[s.dims.size() - 2].div = loops.group;
    s.dims.push_back({order.back(), 1, loops.group});
    pad(order.back(), loops.group);
  }
  s.fill = Scalar::of(arg.dtype, 0);
  return s;
}

// Axes of the right operand but the column's, in the order of the depth loops; batch axes first.
std::optional<Vec<int>> depth_order(const Access& b, int column, const Vec<Loop>& depth) {
  Vec<int> order, inner;
  for (const Loop& l : depth) {
    for (size_t i = 0; i < b.index.size(); ++i) {
      if (b.index[i].dim == Dim::loop(l.id)) inner.push_back(static_cast<int>(i));
    }
  }
  for (int i = 0; i < static_cast<int>(b.index.size()); ++i) {
    if (i != column && !std::count(inner.begin(), inner.end(), i)) order.push_back(i);
  }
  if (inner.size() != depth.size()) return std::nullopt;
  order.insert(order.end(), inner.begin(), inner.end());
  return order;
}

// Packed where its bytes are known, else contiguous in columns: as it is in row-major order, or with the
// columns' axis moved last. reads_operands() has the last word.
Storage right_operand(const Kernel& k, const TileLoops& loops, const Access& b) {
  const Arg& arg = k.args[b.tensor];
  std::optional<int> axis = column_axis(b, loops.column.id);
  if (arg.constant && axis) {
    if (std::optional<Vec<int>> order = depth_order(b, *axis, loops.depth)) {
      return panels(arg, *axis, loops, *order);
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
Storage image_storage(const Kernel& k, const Access& x) {
  const Stage& s = k.stages[0];
  const Arg& arg = k.args[x.tensor];
  Storage out = with_last(arg, 1);
  for (size_t axis = 2; axis < x.index.size(); ++axis) {
    out.padding[axis] = halo_of(k, s, x.index[axis].dim, arg.shape[axis]);
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

// Rows of the tile are written as they are computed: pixels with their channels, rows with their columns.
Need best_result(const Kernel& k, const TileLoops& loops, const Arg& result) {
  const Stage& s = k.stages[0];
  const size_t rank = result.shape.size();
  if (s.kind() != Kind::kConv) return Need::prefers(Storage::row_major(static_cast<int>(rank)));
  const Access& image = s.reads[loops.left[0]];
  return rank == image.index.size() ? Need::prefers(channels_last(result)) : Need();
}

// How operands may lie, the best first. An argument that is part of both must be as the right one asks.
Vec<Vec<Need>> operand_needs(const Kernel& k, const TileLoops& loops, const Tile& tile) {
  const Stage& s = k.stages[0];
  Vec<Need> needs(k.args.size());
  for (const uint32_t r : loops.left) needs[s.reads[r].tensor] = Need::plain();
  if (s.kind() == Kind::kConv) {
    const Access& image = s.reads[loops.left[0]];
    needs[image.tensor] = Need::like(image_storage(k, image));
  }
  for (const uint32_t r : loops.right) {
    const Access& b = s.reads[r];
    const bool columns = depends_on(b, loops.column.id);
    needs[b.tensor] = columns ? Need::like(right_operand(k, loops, b)) : Need::plain();
  }
  if (loops.staged) return {needs};
  const uint32_t left = s.reads[loops.left[0]].tensor;
  const Arg& arg = k.args[left];
  const Storage own = needs[left].wanted(static_cast<int>(arg.shape.size()));
  if (!rows_collide(arg, own, tile)) return {needs};
  Vec<Need> spread_out = needs;
  spread_out[left] = Need::like(spread(own, arg.dtype));
  return {spread_out, needs};
}

// The greatest height that divides `extent`, at least half of the most; 0 where there is none.
int64_t dividing_height(int64_t extent, int64_t most) {
  for (int64_t h = std::min(extent, most); 2 * h >= std::min(extent, most); --h) {
    if (extent % h == 0) return h;
  }
  return 0;
}

int64_t balanced_height(int64_t rows, int64_t most) {
  const int64_t tiles = (rows + most - 1) / most;
  return (rows + tiles - 1) / tiles;
}

int64_t height_for(const TileLoops& loops, int64_t most) {
  std::optional<int64_t> rows = extent_of(loops.rows).constant();
  if (!rows) {
    std::optional<int64_t> inner =
        loops.rows.empty() ? std::nullopt : loops.rows.back().extent.constant();
    const int64_t h = inner && *inner > 1 ? dividing_height(*inner, most) : 0;
    return h > 0 ? h : most;
  }
  if (*rows <= most) return std::max<int64_t>(*rows, 1);
  if (const int64_t inner = *loops.rows.back().extent.constant();
      loops.rows.size() > 1 && inner > 1) {
    if (const int64_t h = dividing_height(inner, most)) return h;
  }
  return balanced_height(*rows, most);
}

// As many vectors as the accumulators of `rows` rows leave registers for, but few where a wide tile would leave
// few of them.
int64_t vectors_for(int64_t rows, int64_t panels, std::optional<int64_t> row_tiles,
                    const Isa& isa) {
  const int64_t most = std::clamp<int64_t>(isa.accumulators / rows, 1, isa.lanes / 2);
  const int64_t shared =
      row_tiles ? std::max<int64_t>(2, 2 * panels * *row_tiles / kManyTiles) : most;
  return std::min({most, panels, shared});
}

// The kernel with its arguments stored as an algorithm asks.
Kernel as_needed(Kernel k, const Vec<Need>& needs) {
  for (size_t a = 0; a < k.args.size(); ++a) {
    k.args[a].storage = needs[a].wanted(static_cast<int>(k.args[a].shape.size()));
  }
  return k;
}

bool stays_inside(const Access& a, const Arg& arg, const RangeOf& range) {
  const bool proven = std::all_of(a.bounds.begin(), a.bounds.end(), [](const Bounds& b) {
    return b.rule == Bounds::Rule::kProven || b.rule == Bounds::Rule::kFill;
  });
  return proven && covered_by_halo(a, arg, range);
}

// Inside of its bounds, by the same step along each loop of the depth.
bool moves_evenly(const Kernel& k, const Access& a, const TileLoops& loops) {
  const RangeOf range = ranges_of(k, k.stages.data(), {});
  const Arg& arg = k.args[a.tensor];
  if (!stays_inside(a, arg, range)) return false;
  const Dim address = at_step(address_of(a, arg, range), loops);
  return std::ranges::all_of(
      loops.depth, [&](const Loop& l) { return step_of(address, l.id, range).has_value(); });
}

// Rows and vectors, none of them absurd, and the group where there is one.
bool is_tile(const Choice& choice) {
  constexpr int64_t kMost = 64;
  const size_t numbers = choice.algorithm == "product.dot" ? 3 : 2;
  return choice.tile.size() == numbers &&
         std::ranges::all_of(choice.tile, [](int64_t n) { return n >= 1 && n <= kMost; });
}

// What moves within a group has to lie with it, column by column.
bool moves_with_columns(const Stage& s, const TileLoops& loops) {
  return std::ranges::all_of(loops.right, [&](uint32_t r) {
    return depends_on(s.reads[r], loops.column.id) || !depends_on(s.reads[r], loops.innermost());
  });
}

bool is_steady(const Stage& s, const TileLoops& loops, ExprId node) {
  return std::ranges::none_of(loops.depth,
                              [&](const Loop& l) { return depends_on(s, node, l.id); });
}

// Whether the right operand is 0 where it is read in padding that holds 0.
bool keeps_zero(const Stage& s) {
  const Expr& b = s.body[operands(s)[1].index];
  return b.fn == Fn::kCast && s.body[b.args[0].index].fn == Fn::kLoad;
}

bool fit_pairs(const Stage& s) {
  return std::ranges::all_of(
      operands(s), [&](ExprId operand) { return fits(int_range(s.body, operand), DType::kI16); });
}

// Bytes of one sign by bytes of the other are what there is an instruction for.
bool fit_types(const Stage& s, TileLoops& loops) {
  const IntRange left = int_range(s.body, loops.staged_node);
  const IntRange right = int_range(s.body, operands(s)[1]);
  for (const auto& [l, r] : {std::pair(DType::kU8, DType::kI8), {DType::kI8, DType::kU8}}) {
    if (!fits(left, l) || !fits(right, r)) continue;
    loops.left_type = l;
    loops.right_type = r;
    return true;
  }
  if (!fits(left, DType::kI8) || !fits(right, DType::kI8)) return false;
  loops.left_type = DType::kU8;
  loops.right_type = DType::kI8;
  loops.bias = 128;
  return true;
}

bool fit_fours(const Stage& s, TileLoops& loops) {
  if (!fit_types(s, loops)) {
    const Expr& a = s.body[loops.staged_node.index];
    if (a.fn != Fn::kSub || !is_steady(s, loops, a.args[1])) return false;
    loops.staged_node = a.args[0];
    loops.zero = a.args[1];
    if (!fit_types(s, loops)) return false;
  }
  return !loops.corrected() || keeps_zero(s);
}

// Operands are judged in the form that code is made of, which may be a simpler one.
Kernel as_emitted(Kernel k) {
  if (!k.stages.empty()) expand_math(k.stages[0]);
  return k;
}

// To pack what changes takes longer than to multiply it.
bool is_packed_once(const Kernel& k, const TileLoops& loops) {
  const Stage& s = k.stages[0];
  return std::ranges::all_of(loops.right, [&](uint32_t r) {
    return k.args[s.reads[r].tensor].constant || !depends_on(s.reads[r], loops.innermost());
  });
}

}  // namespace

bool indexed_by_data(const Access& a) {
  return std::any_of(a.index.begin(), a.index.end(),
                     [](const AxisIndex& i) { return i.expr.has_value(); });
}

bool only_sets(const Stage& s) {
  return std::ranges::all_of(
      s.writes, [](const Access& w) { return w.combine == Combine::kSet && !indexed_by_data(w); });
}

Dim extent_of(const Vec<Loop>& loops) {
  Dim p = 1;
  for (const Loop& l : loops) p = p * l.extent;
  return p;
}

std::optional<TileLoops> tile_loops(const Kernel& k) {
  if (k.stages.empty()) return std::nullopt;
  const Stage& s = k.stages[0];
  const std::optional<DType> acc = sum_type(s);
  const bool fits =
      acc && reads_args(s) && is_epilogue(k) && is_local_scalar(k) && writes_only_set(k);
  if (!fits) return std::nullopt;
  const ExprId a = operands(s)[0], b = operands(s)[1];
  std::optional<LoopId> column = column_of(s);
  if (!column || depends_on(s, a, *column) || !depends_on(s, b, *column)) return std::nullopt;
  TileLoops out;
  out.left = loaded_reads(s, a);
  out.right = loaded_reads(s, b);
  out.staged = s.body[a.index].fn != Fn::kLoad;
  out.staged_node = a;
  if (!is_addressed(s, b) || (!out.staged && !is_addressed(s, a))) return std::nullopt;
  out.acc = *acc;
  out.columns = static_cast<int>(std::min<int64_t>(kLanes, kVectorBytes / size_of(*acc)));
  bool found = false;
  for (const Loop& l : k.grid) {
    if (l.sequential) return std::nullopt;
    if (l.id == *column) {
      out.column = l;
      found = true;
    } else {
      (depends_on(s, b, l.id) ? out.batch : out.rows).push_back(l);
    }
  }
  out.depth = depth_of(s);
  if (!found || out.depth.empty()) return std::nullopt;
  return out;
}

bool reads_operands(const Kernel& k, const TileLoops& loops) {
  const Stage& s = k.stages[0];
  const bool left = loops.staged || moves_evenly(k, s.reads[loops.left[0]], loops);
  return left && std::ranges::all_of(loops.right, [&](uint32_t r) {
           const Access& b = s.reads[r];
           const bool uniform = !depends_on(b, loops.column.id);
           return moves_evenly(k, b, loops) && (uniform || is_contiguous(k, b, loops));
         });
}

bool fits_tile(const Kernel& kernel, const Choice& choice) {
  if (!is_tile(choice)) return false;
  const Kernel k = as_emitted(kernel);
  std::optional<TileLoops> loops = loops_of(k, choice);
  return loops && reads_operands(k, *loops);
}

Tile tile_for(const TileLoops& loops, const Isa& isa) {
  // The sums of the right operand are a row more.
  const int64_t extra = loops.corrected() ? 1 : 0;
  const int64_t most = isa.wide ? isa.accumulators / 2 : isa.accumulators;
  const int64_t rows = height_for(loops, most - extra);
  int64_t panels = 8;
  if (std::optional<int64_t> n = loops.column.extent.constant()) {
    panels = std::max<int64_t>(1, (*n + loops.columns - 1) / loops.columns);
  }
  std::optional<int64_t> row_tiles = extent_of(loops.rows).constant();
  if (row_tiles) row_tiles = (*row_tiles + rows - 1) / rows;
  return {rows, vectors_for(rows + extra, panels, row_tiles, isa)};
}

std::optional<TileLoops> dot_loops(const Kernel& k, int64_t group) {
  std::optional<TileLoops> loops = tile_loops(k);
  if (!loops || loops->acc != DType::kI32) return std::nullopt;
  const Stage& s = k.stages[0];
  loops->group = static_cast<int>(group);
  const bool narrow = (group == 2 && fit_pairs(s)) || (group == 4 && fit_fours(s, *loops));
  if (!loops->staged || !narrow || !moves_with_columns(s, *loops)) return std::nullopt;
  return loops;
}

std::optional<TileLoops> loops_of(const Kernel& k, const Choice& choice) {
  return choice.tile.size() == 3 ? dot_loops(k, choice.tile[2]) : tile_loops(k);
}

namespace {

// A row for each way in which operands may lie.
Vec<Alternative> offer_tile(const Kernel& k, const TileLoops& loops, const Tile& tile,
                            const Choice& choice, const CpuTarget& target) {
  Vec<Alternative> rows;
  for (Vec<Need>& needs : operand_needs(k, loops, tile)) {
    if (!reads_operands(as_needed(k, needs), loops)) continue;
    for (size_t a = 0; a < k.args.size(); ++a) {
      if (k.args[a].written) needs[a] = best_result(k, loops, k.args[a]);
    }
    const Cost cost = price_of_tile(k, loops, tile, target, !rows.empty());
    rows.push_back({choice, std::move(needs), cost});
  }
  return rows;
}

Vec<Alternative> offer_plain(const Kernel& kernel, Kind kind, std::string name,
                             const CpuTarget& target) {
  if (kernel.stages.empty() || kernel.stages[0].kind() != kind) return {};
  const Kernel k = as_emitted(kernel);
  std::optional<TileLoops> loops = tile_loops(k);
  if (!loops) return {};
  const Tile tile = tile_for(*loops, Isa(target));
  return offer_tile(k, *loops, tile, {std::move(name), {tile.rows, tile.vectors}}, target);
}

}  // namespace

Vec<Alternative> offer_contract(const Kernel& k, const CpuTarget& target) {
  return offer_plain(k, Kind::kContract, "contract.panel", target);
}

Vec<Alternative> offer_conv(const Kernel& k, const CpuTarget& target) {
  return offer_plain(k, Kind::kConv, "conv.direct", target);
}

Vec<Alternative> offer_dot(const Kernel& kernel, const CpuTarget& target) {
  if (kernel.stages.empty() || operands(kernel.stages[0]).empty()) return {};
  const Kernel k = as_emitted(kernel);
  const Isa isa(target);
  Vec<Alternative> rows;
  for (const int64_t group : {4, 2}) {
    if (group == 4 && isa.dot_feature.empty()) continue;
    std::optional<TileLoops> loops = dot_loops(k, group);
    if (!loops || !is_packed_once(k, *loops)) continue;
    const Tile tile = tile_for(*loops, isa);
    const Choice choice{"product.dot", {tile.rows, tile.vectors, group}};
    for (Alternative& row : offer_tile(k, *loops, tile, choice, target)) {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Dim at_step(const Dim& address, const TileLoops& loops) {
  if (loops.group == 1) return address;
  return substitute(address, [&](const Atom& a) -> std::optional<Dim> {
    if (a.kind != Atom::Kind::kLoop || a.loop != loops.innermost()) return std::nullopt;
    return Dim::loop(a.loop) * loops.group;
  });
}

std::optional<Dim> step_of(const Dim& address, LoopId loop, const RangeOf& range) {
  const Dim next = substitute(address, [&](const Atom& a) -> std::optional<Dim> {
    if (a.kind != Atom::Kind::kLoop || a.loop != loop) return std::nullopt;
    return Dim::loop(loop) + 1;
  });
  Dim step = simplify(next - address, range);
  if (uses_loop(step, loop)) return std::nullopt;
  return step;
}

}  // namespace rlx::backend::cpu
