#include "backend/cpu/tile.h"

#include <algorithm>

#include "backend/common/int_range.h"
#include "backend/cpu/image_storage.h"
#include "backend/cpu/phases.h"
#include "backend/cpu/price.h"
#include "backend/cpu/tile_needs.h"
#include "kernel/address.h"
#include "kernel/substitute.h"
#include "support/integer.h"

namespace rlx::backend::cpu {
namespace {

// Rows past the end repeat the last row: what is written twice must not add up.
bool writes_only_set(const Kernel& k) { return std::ranges::all_of(k.stages, only_sets); }

// What the products are summed up in, where the tile knows how.
std::optional<DType> sum_type(const Stage& s) {
  const bool product =
      s.kind() == Kind::kContract || (s.kind() == Kind::kConv && has_known_pads(*conv_geometry(s)));
  if (!product) return std::nullopt;
  const DType acc = accumulator_types(s)[0];
  const bool computed = acc != DType::kBool && acc == compute_type(acc);
  return computed ? std::optional(acc) : std::nullopt;
}

// The sums of a tile are those of one run. Integers wrap: theirs are the same in any.
bool has_runs(const Stage& s) {
  const Order* order = order_of(s);
  return order && order->is_cut() && !order->run && is_float(accumulator_types(s)[0]);
}

bool says_run(const Stage& s, LoopId loop) {
  const Order* order = order_of(s);
  return order && order->run && uses_loop(*order->run, loop);
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

// Whether the columns of a vector lie so in memory; of a read that moves within groups, whether these do.
bool is_contiguous(const Kernel& k, const Access& b, const TileLoops& loops, const Product& p) {
  const RangeOf range = ranges_of(k, &k.stages[p.stage], {});
  const Dim address = address_of(b, k.args[b.tensor], range);
  const bool grouped = p.group > 1 && depends_on(b, p.innermost());
  std::optional<Dim> stride = lane_stride(at_step(address, p), loops.column.id, loops.columns);
  if (!stride || !stride->is(grouped ? p.group : 1)) return false;
  return !grouped || lane_stride(address, p.innermost(), p.group) == Dim(1);
}

// The greatest height that divides `extent`, at least half of the most; 0 where there is none.
int64_t dividing_height(int64_t extent, int64_t most) {
  for (int64_t h = std::min(extent, most); 2 * h >= std::min(extent, most); --h) {
    if (extent % h == 0) return h;
  }
  return 0;
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
  return tile_height(*rows, most);
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

// Whether each vector of columns begins in a byte of its own, in panels that have padding behind their columns.
bool is_in_whole_bytes(const Access& b, const Arg& arg, const TileLoops& loops) {
  const std::optional<int> axis = column_axis(b, loops.column.id);
  if (!axis || arg.storage.dims.back() != PhysicalDim{*axis, 1, loops.columns}) return false;
  const AxisPadding& padding = arg.storage.padding[static_cast<size_t>(*axis)];
  return padding.lo == 0 && padding.multiple % loops.columns == 0;
}

bool stays_inside(const Access& a, const Arg& arg, const RangeOf& range) {
  const bool proven = std::all_of(a.bounds.begin(), a.bounds.end(), [](const Bounds& b) {
    return b.rule == Bounds::Rule::kProven || b.rule == Bounds::Rule::kFill;
  });
  return proven && covered_by_halo(a, arg, range);
}

// Inside of its bounds, by the same step along each loop of the depth.
bool moves_evenly(const Kernel& k, const Access& a, const Product& p) {
  const RangeOf range = ranges_of(k, &k.stages[p.stage], {});
  const Arg& arg = k.args[a.tensor];
  if (!stays_inside(a, arg, range)) return false;
  const Dim address = at_step(address_of(a, arg, range), p);
  return std::ranges::all_of(
      p.depth, [&](const Loop& l) { return step_of(address, l.id, range).has_value(); });
}

// Rows and vectors, none of them absurd, and the group where there is one.
bool is_tile(const Choice& choice) {
  constexpr int64_t kMost = 64;
  const size_t numbers = choice.algorithm == "product.dot" ? 3 : 2;
  return choice.tile.size() == numbers &&
         std::ranges::all_of(choice.tile, [](int64_t n) { return n >= 1 && n <= kMost; });
}

// What moves within a group has to lie with it, column by column, in bytes of its own.
bool moves_with_columns(const Kernel& k, const Product& p, LoopId column) {
  const Stage& s = k.stages[p.stage];
  return std::ranges::all_of(p.right, [&](uint32_t r) {
    if (is_sub_byte(k.args[s.reads[r].tensor].dtype)) return false;
    return depends_on(s.reads[r], column) || !depends_on(s.reads[r], p.innermost());
  });
}

bool is_steady(const Stage& s, const Product& p, ExprId node) {
  return std::ranges::none_of(p.depth, [&](const Loop& l) { return depends_on(s, node, l.id); });
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

// An element of bf16, converted; the node is its load.
std::optional<ExprId> bf16_element(const Stage& s, ExprId operand) {
  const Expr& e = s.body[operand.index];
  if (e.fn != Fn::kCast) return std::nullopt;
  const Expr& x = s.body[e.args[0].index];
  return x.fn == Fn::kLoad && x.type == DType::kBF16 ? std::optional(e.args[0]) : std::nullopt;
}

bool fit_bf16_pairs(const Stage& s, Product& p) {
  const std::optional<ExprId> left = bf16_element(s, operands(s)[0]);
  if (!left || !bf16_element(s, operands(s)[1])) return false;
  p.left_type = p.right_type = DType::kBF16;
  p.staged_node = *left;
  return true;
}

// Bytes of one sign by bytes of the other are what there is an instruction for.
bool fit_types(const Stage& s, Product& p) {
  const IntRange left = int_range(s.body, p.staged_node);
  const IntRange right = int_range(s.body, operands(s)[1]);
  for (const auto& [l, r] : {std::pair(DType::kU8, DType::kI8), {DType::kI8, DType::kU8}}) {
    if (!fits(left, l) || !fits(right, r)) continue;
    p.left_type = l;
    p.right_type = r;
    return true;
  }
  if (!fits(left, DType::kI8) || !fits(right, DType::kI8)) return false;
  p.left_type = DType::kU8;
  p.right_type = DType::kI8;
  p.bias = 128;
  return true;
}

bool fit_fours(const Stage& s, Product& p) {
  if (!fit_types(s, p)) {
    const Expr& a = s.body[p.staged_node.index];
    if (a.fn != Fn::kSub || !is_steady(s, p, a.args[1])) return false;
    p.staged_node = a.args[0];
    p.zero = a.args[1];
    if (!fit_types(s, p)) return false;
  }
  return !p.corrected() || keeps_zero(s);
}

// To pack what changes takes longer than to multiply it.
bool is_packed_once(const Kernel& k, const Product& p) {
  const Stage& s = k.stages[p.stage];
  return std::ranges::all_of(p.right, [&](uint32_t r) {
    return k.args[s.reads[r].tensor].constant || !depends_on(s.reads[r], p.innermost());
  });
}

// How far the channel of each column of a vector lies behind the first one's; nullopt where it is farther than a vector,
// or a vector may have columns past the end.
std::optional<Vec<int>> lanes_of(const Kernel& k, const Stage& s, const TileLoops& loops) {
  const ConvGeometry g = *conv_geometry(s);
  const std::optional<int64_t> columns = loops.column.extent.constant();
  if (!columns || *columns % loops.columns != 0) return std::nullopt;
  const RangeOf range = ranges_of(k, &s, {});
  const auto channel = [&](int lane) {
    const Dim column = Dim::loop(loops.column.id) * loops.columns + lane;
    const Dim at =
        substitute_loops(s.reads[g.image].index[g.channels].dim, {{loops.column.id, column}});
    return simplify(at, range);
  };
  Vec<int> lanes;
  for (int lane = 0; lane < loops.columns; ++lane) {
    const std::optional<int64_t> behind = (channel(lane) - channel(0)).constant();
    if (!behind || *behind < 0 || *behind >= loops.columns) return std::nullopt;
    lanes.push_back(static_cast<int>(*behind));
  }
  return lanes;
}

// Finds the columns that have one left operand; false where a tile cannot tell them apart.
bool find_runs(const Kernel& k, const Stage& s, const TileLoops& loops, Product& p) {
  if (s.kind() != Kind::kConv) return true;
  const std::optional<int64_t> run = conv_geometry(s)->run.constant();
  if (!run) return false;
  p.run = *run;
  if (p.run % loops.columns == 0) return true;
  std::optional<Vec<int>> lanes = lanes_of(k, s, loops);
  if (!lanes) return false;
  p.run = loops.columns;
  p.lanes = std::move(*lanes);
  return true;
}

// A product of factors that each depend on the columns as they should.
std::optional<Product> product_of(const Kernel& k, size_t stage, const TileLoops& loops) {
  const Stage& s = k.stages[stage];
  const ExprId a = operands(s)[0], b = operands(s)[1];
  const LoopId column = loops.column.id;
  const bool moves = depends_on(s, a, column);
  if (!depends_on(s, b, column) || says_run(s, column)) return std::nullopt;
  Product p{.stage = stage,
            .depth = depth_of(s),
            .left = loaded_reads(s, a),
            .right = loaded_reads(s, b),
            .staged = s.body[a.index].fn != Fn::kLoad,
            .staged_node = a};
  if (!find_runs(k, s, loops, p) || (p.run == 0 && moves)) return std::nullopt;
  // What is staged is the same for all columns, and has all steps.
  if (p.staged && (moves || (order_of(s) && order_of(s)->run))) return std::nullopt;
  const bool found = is_addressed(s, b) && (p.staged || is_addressed(s, a)) && !p.depth.empty();
  return found ? std::optional(p) : std::nullopt;
}

// The columns, which must be a loop of the grid, and what a vector has of them.
bool begin_columns(const Kernel& k, LoopId column, DType acc, TileLoops& loops) {
  const Loop* loop = find_loop(k.grid, column);
  if (!loop) return false;
  loops.column = *loop;
  loops.acc = acc;
  loops.columns = static_cast<int>(std::min<int64_t>(kLanes, kVectorBytes / size_of(acc)));
  return true;
}

// The products with the columns and the type of sums of the first; no other stage but maps that follow them.
bool find_products(const Kernel& k, TileLoops& loops) {
  for (size_t i = 0; i < k.stages.size(); ++i) {
    const Stage& s = k.stages[i];
    if (s.kind() == Kind::kMap && s.loops.empty()) continue;
    const std::optional<DType> acc = sum_type(s);
    if (!acc || !reads_args(s) || has_runs(s)) return false;
    const std::optional<LoopId> column = column_of(s);
    const bool first = loops.products.empty();
    if (!column || (first && !begin_columns(k, *column, *acc, loops))) return false;
    if (*column != loops.column.id || *acc != loops.acc) return false;
    std::optional<Product> p = product_of(k, i, loops);
    if (!p) return false;
    loops.products.push_back(std::move(*p));
  }
  return !loops.products.empty();
}

// Whether channels that one vector has lie so in memory.
bool has_lanes_in_order(const Kernel& k, const Product& p) {
  if (p.lanes.empty()) return true;
  const Stage& s = k.stages[p.stage];
  const ConvGeometry g = *conv_geometry(s);
  const Arg& image = k.args[s.reads[g.image].tensor];
  return axis_stride(image, static_cast<int>(g.channels)) == Dim(1);
}

bool is_batch_loop(const Kernel& k, const TileLoops& loops, LoopId loop) {
  return std::ranges::any_of(loops.products, [&](const Product& p) {
    const Stage& s = k.stages[p.stage];
    return depends_on(s, operands(s)[1], loop) || says_run(s, loop);
  });
}

}  // namespace

Kernel tiled_form(Kernel k) {
  for (Stage& s : k.stages) {
    if (!operands(s).empty()) expand_math(s);
  }
  return in_phases(std::move(k));
}

bool has_known_pads(const ConvGeometry& g) {
  return std::ranges::all_of(g.axes,
                             [](const ConvAxis& a) { return a.pad.constant().has_value(); });
}

bool has_scalar_locals(const Kernel& k) {
  return std::all_of(k.locals.begin(), k.locals.end(),
                     [](const Local& l) { return l.shape.empty() && l.carry.empty(); });
}

bool depends_on(const Access& a, LoopId loop) {
  return std::any_of(a.index.begin(), a.index.end(),
                     [&](const AxisIndex& i) { return uses_loop(i.dim, loop); });
}

bool depends_on(const Stage& s, ExprId node, LoopId loop) {
  const Vec<bool> cone = needed(s, {node});
  for (size_t i = 0; i < cone.size(); ++i) {
    const Expr& e = s.body[i];
    if (!cone[i]) continue;
    if (e.fn == Fn::kLoad && depends_on(s.reads[e.index], loop)) return true;
    if (e.fn == Fn::kIndex && uses_loop(e.dim, loop)) return true;
  }
  return false;
}

bool indexed_by_data(const Access& a) {
  return std::any_of(a.index.begin(), a.index.end(),
                     [](const AxisIndex& i) { return i.expr.has_value(); });
}

bool only_sets(const Stage& s) {
  return std::ranges::all_of(
      s.writes, [](const Access& w) { return w.combine == Combine::kSet && !indexed_by_data(w); });
}

int64_t tile_height(int64_t rows, int64_t most) {
  // Vectors of columns and the loop are about a row more.
  const auto cost = [&](int64_t height) { return ceil_of(rows, height) * (height + 1); };
  int64_t best = most;
  for (int64_t height = most; 4 * height >= 3 * most; --height) {
    if (cost(height) < cost(best)) best = height;
  }
  return best;
}

Dim extent_of(const Vec<Loop>& loops) {
  Dim p = 1;
  for (const Loop& l : loops) p = p * l.extent;
  return p;
}

std::optional<TileLoops> tile_loops(const Kernel& k) {
  TileLoops out;
  if (!has_scalar_locals(k) || !writes_only_set(k) || !find_products(k, out)) return std::nullopt;
  for (const Loop& l : k.grid) {
    if (l.sequential) return std::nullopt;
    if (l.id == out.column.id) continue;
    (is_batch_loop(k, out, l.id) ? out.batch : out.rows).push_back(l);
  }
  return out;
}

bool reads_operands(const Kernel& k, const TileLoops& loops) {
  return std::ranges::all_of(loops.products, [&](const Product& p) {
    const Stage& s = k.stages[p.stage];
    const bool left = p.staged || moves_evenly(k, s.reads[p.left[0]], p);
    return left && has_lanes_in_order(k, p) && std::ranges::all_of(p.right, [&](uint32_t r) {
             const Access& b = s.reads[r];
             const bool uniform = !depends_on(b, loops.column.id);
             const Arg& arg = k.args[b.tensor];
             if (is_sub_byte(arg.dtype) && !is_in_whole_bytes(b, arg, loops)) return false;
             return moves_evenly(k, b, p) && (uniform || is_contiguous(k, b, loops, p));
           });
  });
}

// Whether the vectors of a tile never have two left operands.
bool divides_runs(const TileLoops& loops, int64_t vectors) {
  return std::ranges::all_of(
      loops.products, [&](const Product& p) { return p.run / loops.columns % vectors == 0; });
}

bool fits_tile(const Kernel& kernel, const Choice& choice) {
  if (!is_tile(choice)) return false;
  const Kernel k = tiled_form(kernel);
  std::optional<TileLoops> loops = loops_of(k, choice);
  return loops && divides_runs(*loops, choice.tile[1]) && reads_operands(k, *loops);
}

Tile tile_for(const TileLoops& loops, const Isa& isa) {
  // The sums of the right operand are a row more.
  const int64_t extra = loops.products[0].corrected() ? 1 : 0;
  const int64_t most = isa.wide ? isa.accumulators / 2 : isa.accumulators;
  const int64_t rows = height_for(loops, most - extra);
  int64_t panels = 8;
  if (std::optional<int64_t> n = loops.column.extent.constant()) {
    panels = std::max<int64_t>(1, (*n + loops.columns - 1) / loops.columns);
  }
  std::optional<int64_t> row_tiles = extent_of(loops.rows).constant();
  if (row_tiles) row_tiles = (*row_tiles + rows - 1) / rows;
  int64_t vectors = vectors_for(rows + extra, panels, row_tiles, isa);
  while (!divides_runs(loops, vectors)) --vectors;
  return {rows, vectors};
}

std::optional<TileLoops> dot_loops(const Kernel& k, int64_t group) {
  std::optional<TileLoops> loops = tile_loops(k);
  if (!loops || loops->products.size() != 1) return std::nullopt;
  Product& p = loops->products[0];
  const Stage& s = k.stages[p.stage];
  p.group = static_cast<int>(group);
  const bool integers = loops->acc == DType::kI32, floats = loops->acc == DType::kF32;
  const bool narrow = (integers && group == 2 && fit_pairs(s)) ||
                      (integers && group == 4 && fit_fours(s, p)) ||
                      (floats && group == 2 && fit_bf16_pairs(s, p));
  if (!p.staged || !narrow || !moves_with_columns(k, p, loops->column.id)) return std::nullopt;
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
  const Kernel k = tiled_form(kernel);
  std::optional<TileLoops> loops = tile_loops(k);
  if (!loops || k.stages[loops->products[0].stage].kind() != kind) return {};
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
  const Kernel k = tiled_form(kernel);
  const Isa isa(target);
  Vec<Alternative> rows;
  for (const int64_t group : {4, 2}) {
    if (group == 4 && isa.dot_feature.empty()) continue;
    std::optional<TileLoops> loops = dot_loops(k, group);
    if (!loops || !is_packed_once(k, loops->products[0])) continue;
    const bool exact = loops->acc == DType::kI32;
    if (!exact && !isa.bf16_dot) continue;
    const Tile tile = tile_for(*loops, isa);
    const Choice choice{"product.dot", {tile.rows, tile.vectors, group}};
    for (Alternative& row : offer_tile(k, *loops, tile, choice, target)) {
      row.exact = exact;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Dim at_step(const Dim& address, const Product& p) {
  if (p.group == 1) return address;
  return substitute(address, [&](const Atom& a) -> std::optional<Dim> {
    if (a.kind != Atom::Kind::kLoop || a.loop != p.innermost()) return std::nullopt;
    return Dim::loop(a.loop) * p.group;
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
