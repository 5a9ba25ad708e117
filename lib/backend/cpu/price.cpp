#include "backend/cpu/price.h"

#include <algorithm>
#include <array>

#include "backend/common/grid.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/nest.h"
#include "backend/cpu/tile_shape.h"
#include "backend/cpu/winograd.h"
#include "kernel/estimate.h"
#include "kernel/functions.h"
#include "support/integer.h"

namespace rlx::backend::cpu {
namespace {

// Sums are in parts of a cycle.
constexpr int64_t kParts = 64;

// What a command costs beside its work: threads wake, first touch what others wrote, and wait.
constexpr Cost kStart{1500};

// ---- Compute ----------------------------------------------------------------------------------

// Instructions of a function of the core, where it is not one.
constexpr std::pair<Fn, int64_t> kOddWeights[] = {
    {Fn::kConst, 0}, {Fn::kIndex, 0}, {Fn::kAcc, 0}, {Fn::kDiv, 6},
    {Fn::kSqrt, 6},  {Fn::kRem, 24},  {Fn::kMin, 2}, {Fn::kMax, 2},
};

int64_t core_weight(Fn fn) {
  const auto* odd = std::ranges::find(kOddWeights, fn, &std::pair<Fn, int64_t>::first);
  return odd == std::end(kOddWeights) ? 1 : odd->second;
}

// Of any function: a macro weighs what it expands to.
int64_t made_weight(Fn fn) {
  if (!is_macro(fn)) return core_weight(fn);
  Body body;
  Vec<ExprId> roots;
  for (uint32_t i = 0; i < static_cast<uint32_t>(arity(fn)); ++i) {
    roots.push_back(add(body, {.fn = Fn::kLoad, .index = i}));
  }
  roots = {add(body, {.fn = fn, .args = roots})};
  expand_math(body, roots);
  int64_t weight = 0;
  for (const Expr& e : body) weight += core_weight(e.fn);
  return weight - arity(fn);
}

int64_t weight(Fn fn) {
  static const auto weights = [] {
    std::array<int64_t, kFnCount> made{};
    for (size_t i = 0; i < made.size(); ++i) made[i] = made_weight(static_cast<Fn>(i));
    return made;
  }();
  return weights[static_cast<size_t>(fn)];
}

// Of the nodes that the roots need.
int64_t weight(const Stage& s, const Vec<ExprId>& roots) {
  const Vec<bool> needs = needed(s, roots);
  int64_t sum = 0;
  for (size_t i = 0; i < needs.size(); ++i) sum += needs[i] ? weight(s.body[i].fn) : 0;
  return std::max<int64_t>(sum, 1);
}

// What counts along the axis that is innermost in memory, axes of one element left out.
const AxisIndex& innermost(const Kernel& k, const Access& a) {
  if (a.of != Access::Of::kArg) return a.index.back();
  const Arg& arg = k.args[a.tensor];
  for (size_t i = arg.storage.dims.size(); i-- > 0;) {
    const auto axis = static_cast<size_t>(arg.storage.dims[i].axis);
    if (!arg.shape[axis].is(1)) return a.index[axis];
  }
  return a.index.back();
}

// Whether elements that are written side by side are read apart from each other.
bool gathers(const Kernel& k, const Access& write, const Access& read) {
  if (write.index.empty() || read.index.empty()) return false;
  const std::optional<LoopId> along = innermost(k, write).dim.as_loop();
  if (!along || uses_loop(innermost(k, read).dim, *along)) return false;
  return std::ranges::any_of(read.index,
                             [&](const AxisIndex& i) { return uses_loop(i.dim, *along); });
}

// Instructions for an element that is read by itself.
constexpr int64_t kGather = 60;

// Of what follows the loops that have ended, stores included.
int64_t weight_of_results(const Kernel& k, const Stage& s) {
  int64_t sum = weight(s, s.results) + static_cast<int64_t>(s.writes.size());
  if (s.kind() != Kind::kMap || s.writes.empty()) return sum;
  for (const Access& a : s.reads) sum += gathers(k, s.writes[0], a) ? kGather : 0;
  return sum;
}

// How often the loops run together.
Cost steps(const Vec<Loop>& loops) {
  Cost n{1};
  for (const Loop& l : loops) n = n * std::max<int64_t>(1, estimate(l.extent));
  return n;
}

// Of how many runs a grid point takes one.
int64_t runs_apart(const Stage& s) {
  const Order* order = order_of(s);
  return order && order->run ? std::max<int64_t>(1, estimate(order->parts)) : 1;
}

// Lanes that work on the stage: grid points, or its innermost loop.
int64_t lanes_of(const Kernel& k, const Stage& s, const Isa& isa) {
  return !must_run_in_order(s) && (rows_fit(k) || is_vectorisable(s)) ? isa.lanes : 1;
}

// Parts of a cycle for a step of the stage, two instructions a cycle on all lanes.
int64_t step_parts(const Kernel& k, const Stage& s, int64_t lanes) {
  switch (s.kind()) {
    case Kind::kMap: return weight_of_results(k, s) * kParts / 2 / lanes;
    case Kind::kReduce: return weight(s, s.reduction().combine) * kParts / 2 / lanes;
    // One element after the other.
    case Kind::kScan: return (weight(s, s.scan().combine) + 4) * kParts;
    // Most elements are compared with the last of those that come first, and stay behind it.
    case Kind::kSort: return (weight(s, {s.sort().key}) + 8) * kParts;
    // A chain of sums, a step of which takes four cycles.
    case Kind::kContract:
    case Kind::kConv: return std::max<int64_t>(4, weight(s, operands(s)) / 2) * kParts / lanes;
  }
  return kParts;
}

// Elements that share bytes come one by one, whatever lanes there are.
int64_t sub_byte_parts(const Kernel& k, const Stage& s) {
  constexpr int64_t kOne = 6;
  const auto reads = std::ranges::count_if(s.reads, [&](const Access& a) {
    return a.of == Access::Of::kArg && is_sub_byte(k.args[a.tensor].dtype);
  });
  return reads * kOne * kParts;
}

// Rows begin, end, and merge their lanes.
int64_t row_parts(const Kernel& k, const Stage& s, int64_t lanes) {
  if (s.kind() == Kind::kMap) return s.loops.empty() ? 0 : 3 * kParts;
  return 4 * kParts / lanes + weight_of_results(k, s) * kParts / 2 / lanes;
}

Cost stage_cost(const Kernel& k, const Stage& s, const Isa& isa) {
  const Vec<LoopId> ended = ended_loops(s);
  Vec<Loop> kept = k.grid, over;
  for (const Loop& l : s.loops) {
    (std::ranges::count(ended, l.id) ? over : kept).push_back(l);
  }
  const Cost rows = steps(s.kind() == Kind::kMap ? k.grid : kept);
  const int64_t lanes = lanes_of(k, s, isa);
  const int64_t step = step_parts(k, s, lanes) + sub_byte_parts(k, s);
  const Cost parts =
      steps(kept) * (steps(over).cycles / runs_apart(s)) * step + rows * row_parts(k, s, lanes);
  return {parts.cycles / kParts};
}

// ---- Memory -----------------------------------------------------------------------------------

// Parts of a cycle for a byte from the second and third cache, and from memory.
constexpr int64_t kSecond = 2, kThird = 6, kMemory = 12;

// Of what has so many bytes, by the cache that it fits.
int64_t byte_parts(int64_t bytes, bool constant, const CpuTarget& target) {
  constexpr int64_t kThirdBytes = int64_t{8} << 20;
  if (bytes > kThirdBytes) return kMemory;
  // All the weights of a model do not fit the second.
  return constant || bytes > target.l2_bytes / 2 ? kThird : kSecond;
}

// Of so many elements.
Cost in_bytes(DType t, Cost elements) {
  return is_sub_byte(t) ? Cost{bytes_of(t, elements.cycles)} : elements * size_of(t);
}

int64_t bytes_of_arg(const Arg& a) {
  Cost elements{1};
  for (const Dim& d : a.shape) elements = elements * std::max<int64_t>(1, estimate(d));
  return in_bytes(a.dtype, elements).cycles;
}

// Rows of all lanes that have left the first cache, written and read at each grid point.
Cost local_parts(const Kernel& k, const CpuTarget& target) {
  Cost bytes;
  for (const Local& l : k.locals) {
    if (!in_register(l)) bytes += Cost{estimate(product(l.shape))} * size_of(l.dtype);
  }
  const int64_t all = (bytes * Isa(target).lanes).cycles;
  if (all <= target.l1_bytes) return {};
  return steps(k.grid) * (bytes * (2 * byte_parts(all, false, target))).cycles;
}

// What is touched of each argument comes once.
Cost memory_cost(const Kernel& k, const CpuTarget& target) {
  Vec<Cost> touched(k.args.size());
  for (const Stage& s : k.stages) {
    const Cost n{(steps(k.grid) * steps(s.loops).cycles).cycles / runs_apart(s)};
    for (const Vec<Access>* list : {&s.reads, &s.writes}) {
      for (const Access& a : *list) {
        if (a.of == Access::Of::kArg) touched[a.tensor] += in_bytes(k.args[a.tensor].dtype, n);
      }
    }
  }
  Cost parts = local_parts(k, target);
  for (size_t a = 0; a < k.args.size(); ++a) {
    const int64_t bytes = std::min(touched[a].cycles, bytes_of_arg(k.args[a]));
    parts += Cost{bytes} * byte_parts(bytes, k.args[a].constant, target);
  }
  return {parts.cycles / kParts};
}

// ---- Register tiles ---------------------------------------------------------------------------

// That a vector of columns takes.
int64_t registers_of(const TileLoops& loops, const Isa& isa) {
  return std::max<int64_t>(1, loops.columns * size_of(loops.acc) / isa.vector_bytes);
}

// Parts of a cycle for a step of the depth: sums, or the loads of vectors and elements.
int64_t tile_step_parts(const TileLoops& loops, const Product& p, const Tile& tile, const Isa& isa,
                        bool collide) {
  const int64_t vectors = tile.vectors * registers_of(loops, isa);
  // Sums of pairs of integers are a product and a sum.
  const bool two = p.group == 2 && loops.acc == DType::kI32;
  const int64_t sums = tile.rows * vectors * (two ? 2 : 1);
  // Lanes come as a vector and go to their places.
  const int64_t left = p.lanes.empty() ? tile.rows : 3 * tile.rows * vectors;
  const int64_t parts = std::max<int64_t>({sums, vectors + left, 4}) * kParts / 2;
  // A line from the second cache every few steps.
  return collide ? parts + tile.rows * kParts / 4 : parts;
}

// What operands cost that are more than a load: the left one is computed for the rows of a tile and a block of
// columns at a time, the right one, in vectors, for each tile. Parts of a cycle for an element, and a step.
struct OperandParts {
  int64_t left = 0, right = 0;
};

// Of the nodes that the right operand is made of anew at each step of the innermost loop.
int64_t weight_of_step(const Stage& s, const Product& p) {
  // Halves of bytes are spread over lanes, moved to their places and cut off.
  constexpr int64_t kHalves = 3;
  const Vec<bool> needs = needed(s, {operands(s)[1]});
  Vec<bool> moves(s.body.size());
  int64_t sum = 0;
  for (size_t i = 0; i < s.body.size(); ++i) {
    const Expr& e = s.body[i];
    moves[i] = std::ranges::any_of(e.args, [&](ExprId a) { return moves[a.index]; });
    if (e.fn == Fn::kLoad) moves[i] = depends_on(s.reads[e.index], p.innermost());
    if (!needs[i] || !moves[i]) continue;
    sum += weight(e.fn) + (e.fn == Fn::kLoad && is_sub_byte(e.type) ? kHalves : 0);
  }
  return std::max<int64_t>(sum, 1);
}

OperandParts operand_parts(const Stage& s, const Product& p, const TileLoops& loops,
                           const Tile& tile, const Isa& isa) {
  const int64_t registers = registers_of(loops, isa);
  OperandParts parts;
  if (p.staged) {
    parts.left = (weight(s, {operands(s)[0]}) + 1) * registers * kParts / 2 / loops.columns;
  }
  parts.right = (weight_of_step(s, p) - 1) * registers * tile.vectors * kParts / 2;
  return parts;
}

// ---- Blocks of rows ---------------------------------------------------------------------------

// A product of blocks of rows: the sums of a tile, and the right operand, which comes anew for each block. From the second
// cache it comes while sums are under way, as it does for register tiles.
struct RowProduct {
  Cost tile, block;
};

RowProduct product_of_rows(const Kernel& k, const Stage& s, const RowTile& tile, bool turned,
                           const CpuTarget& target) {
  const Isa isa(target);
  const int64_t columns = std::max<int64_t>(1, estimate(s.loops[0].extent));
  const int64_t vectors = tile.vectors * std::max<int64_t>(1, kVectorBytes / isa.vector_bytes);
  const int64_t step = std::max<int64_t>(tile.rows * vectors, vectors + tile.rows) * kParts / 2;
  const Cost depth = steps({s.loops.begin() + 1, s.loops.end()});
  const int64_t wide = ceil_of(columns, tile.vectors * kLanes);
  // Where its rows are, and their sums on their way to the results.
  constexpr int64_t kRow = 40;
  const int64_t around = (20 + 2 * tile.rows * tile.vectors) * wide + kRow * tile.rows;
  const Cost sums = depth * step * wide + Cost{around * kParts};
  Cost block;
  // A vector is loaded, goes through the shuffles of its block, and is stored.
  constexpr int64_t kTurning = 4;
  if (turned) block += depth * wide * (tile.vectors * kLanes / isa.lanes) * (kTurning * kParts);
  for (const uint32_t r : loaded_reads(s, s.contract().b)) {
    const Arg& arg = k.args[s.reads[r].tensor];
    const Cost bytes = in_bytes(arg.dtype, depth * columns);
    block += bytes * (byte_parts(bytes.cycles, arg.constant, target) - kSecond);
  }
  return {{sums.cycles / kParts}, {block.cycles / kParts}};
}

// What a block's locals cost that have left the second cache.
Cost rows_in_block(const Kernel& k, const RowTile& tile, const CpuTarget& target) {
  Cost bytes;
  for (const Local& l : k.locals) bytes += Cost{estimate(product(l.shape))} * size_of(l.dtype);
  bytes = bytes * tile.block();
  return {(bytes * (2 * (byte_parts(bytes.cycles, false, target) - kSecond))).cycles / kParts};
}

// ---- Winograd ---------------------------------------------------------------------------------

// Parts of a cycle that a tile of work takes. Transforms are about 4 sums of vectors for each point, loads and
// stores beside.
Cost winograd_parts(const WinogradShape& s, const Isa& isa) {
  const WinogradTile& t = s.tile;
  const int64_t halves = std::max<int64_t>(1, kVectorBytes / isa.vector_bytes);
  const int64_t step =
      std::max<int64_t>({t.rows * t.vectors * halves, t.vectors * halves + t.rows, 4});
  const int64_t product = s.loops.channels * step + 20 + 2 * t.rows * t.vectors * halves;
  const int64_t image = 6 * s.points() * ceil_of(s.loops.channels, kLanes) * halves;
  const int64_t results = (5 * s.points() + 2 * t.results * t.results) * halves;
  const Cost of_square = Cost{image} + Cost{results} * t.panels;
  const Cost products = Cost{product} * s.points() * t.groups * ceil_of(t.panels, t.vectors);
  return (of_square * t.squares() + products) * (kParts / 2);
}

// The transformed weights, which come from memory once and from the third cache for each block of squares, are
// more than what memory_cost() counts.
Cost winograd_memory(const Kernel& k, const WinogradShape& s, int64_t blocks,
                     const CpuTarget& target) {
  const int64_t bytes = bytes_of_arg(k.args[k.stages[0].reads[s.loops.weights].tensor]);
  const int64_t formed = bytes * s.points() / 9;
  const Cost more = Cost{formed} * byte_parts(formed, true, target) -
                    Cost{bytes} * byte_parts(bytes, true, target);
  return {(more + Cost{formed} * kSecond * (blocks - 1)).cycles / kParts};
}

// ---- Threads ----------------------------------------------------------------------------------

// Work of few tiles keeps few cores busy: what cannot be shared counts up to twice.
Cost shared(Cost work, Cost tiles) {
  constexpr int64_t kShares = 16;
  // Smaller ones are not divided anyway.
  constexpr Cost kTile{45000};
  if (work <= kTile || tiles >= Cost{kShares}) return work;
  return work + Cost{work.cycles / kShares} * (kShares - tiles.cycles);
}

}  // namespace

Cost price_of_loops(const Kernel& k, const CpuTarget& target) {
  const Isa isa(target);
  Cost sum = memory_cost(k, target);
  for (const Stage& s : k.stages) sum += stage_cost(k, s, isa);
  // Lanes are points of one run.
  const int64_t runs = k.stages.empty() ? 1 : runs_apart(k.stages[0]);
  const int64_t points = steps(k.grid).cycles / runs;
  const int64_t of_run = rows_fit(k) ? points / isa.lanes : points;
  return kStart + shared(sum, Cost{runs > 1 ? std::max<int64_t>(1, of_run) : of_run} * runs);
}

Cost price_of_tile(const Kernel& k, const TileLoops& loops, const Tile& tile,
                   const CpuTarget& target, bool collide) {
  const Isa isa(target);
  const int64_t columns = std::max<int64_t>(1, estimate(loops.column.extent));
  const Cost row_tiles{ceil_of(steps(loops.rows).cycles, tile.rows)};
  const int64_t wide = ceil_of(ceil_of(columns, loops.columns), tile.vectors);
  const int64_t blocks = std::max<int64_t>(1, estimate(shape_of(k, loops, tile, target).blocks));
  const Cost batches = steps(loops.batch);
  // Its pointers, and its sums on their way to the maps.
  const int64_t around = (20 + 2 * tile.rows * tile.vectors) * kParts;
  Cost sum = memory_cost(k, target);
  for (const Product& p : loops.products) {
    const Cost depth{ceil_of(steps(p.depth).cycles, runs_apart(k.stages[p.stage]))};
    const Cost groups{ceil_of(depth.cycles, p.group)};
    const OperandParts extra = operand_parts(k.stages[p.stage], p, loops, tile, isa);
    const Cost of_tile =
        groups * (tile_step_parts(loops, p, tile, isa, collide) + extra.right) + Cost{around};
    const Cost staging = depth * tile.rows * extra.left;
    const Cost parts = batches * (row_tiles * (of_tile * wide + staging * blocks).cycles).cycles;
    sum += Cost{parts.cycles / kParts};
  }
  for (const Stage& s : k.stages) sum += s.kind() == Kind::kMap ? stage_cost(k, s, isa) : Cost();
  return kStart + shared(sum, batches * (row_tiles * blocks).cycles);
}

Cost price_of_winograd(const Kernel& k, const WinogradShape& s, const CpuTarget& target) {
  const int64_t squares = std::max<int64_t>(1, estimate(s.squares));
  const int64_t blocks = ceil_of(squares, s.tile.squares());
  const Cost tiles = Cost{blocks} * ceil_of(s.panels, s.tile.panels);
  Cost sum = memory_cost(k, target) + winograd_memory(k, s, blocks, target);
  sum += Cost{(winograd_parts(s, Isa(target)) * tiles.cycles).cycles / kParts};
  for (size_t i = 1; i < k.stages.size(); ++i) sum += stage_cost(k, k.stages[i], Isa(target));
  return kStart + shared(sum, tiles);
}

Cost price_of_rows(const Kernel& k, const RowLoops& loops, const Choice& choice,
                   const CpuTarget& target) {
  const Isa isa(target);
  const RowTile tile = row_tile(choice);
  const Cost batch = steps(loops.batch), rows = steps(loops.rows);
  const Cost tiles = batch * ceil_of(rows.cycles, tile.rows);
  const Cost blocks = batch * ceil_of(rows.cycles, tile.block());
  Cost sum = memory_cost(k, target) + blocks * rows_in_block(k, tile, target).cycles;
  const Vec<bool> turned = turned_stages(k, choice);
  for (size_t i = 0; i < k.stages.size(); ++i) {
    const Stage& s = k.stages[i];
    if (s.kind() != Kind::kContract) {
      sum += stage_cost(k, s, isa);
      continue;
    }
    const RowProduct product = product_of_rows(k, s, tile, turned[i], target);
    sum += tiles * product.tile.cycles + blocks * product.block.cycles;
  }
  return kStart + shared(sum, blocks);
}

}  // namespace rlx::backend::cpu
