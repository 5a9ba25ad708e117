#include "backend/cuda/matrix.h"

#include <algorithm>

#include "backend/common/grid.h"
#include "backend/cuda/price.h"
#include "kernel/address.h"
#include "kernel/conv_geometry.h"
#include "kernel/substitute.h"

namespace rlx::backend::cuda {

namespace {

constexpr MatrixTile kTiles[] = {
    {.rows = 128, .columns = 256, .warp_rows = 64, .warp_columns = 64, .stages = 4},
    {.rows = 128, .columns = 192, .warp_rows = 64, .warp_columns = 48, .stages = 4},
    {.rows = 128, .columns = 128, .warp_rows = 64, .warp_columns = 64, .stages = 3},
    {.rows = 128, .columns = 64, .warp_rows = 64, .warp_columns = 32, .stages = 4},
    {.rows = 64, .columns = 128, .warp_rows = 32, .warp_columns = 64, .stages = 4},
    {.rows = 64, .columns = 64, .warp_rows = 32, .warp_columns = 32, .stages = 6},
    {.rows = 32, .columns = 64, .warp_rows = 32, .warp_columns = 64, .stages = 8, .depth_warps = 4},
    {.rows = 16, .columns = 64, .warp_rows = 16, .warp_columns = 64, .stages = 8, .depth_warps = 4},
};

// ---- Operands -----------------------------------------------------------------------------------

bool is_short_float(DType t) { return t == DType::kBF16 || t == DType::kF16; }

// The number that the operand is, widened; nullopt where it is no number of 16 bits.
std::optional<ExprId> short_element(const Stage& s, ExprId operand) {
  const Expr& wide = s.body[operand.index];
  if (wide.fn != Fn::kCast || wide.type != DType::kF32) return std::nullopt;
  return is_short_float(s.body[wide.args[0].index].type) ? std::optional(wide.args[0])
                                                         : std::nullopt;
}

bool is_multiple(const Dim& d, int64_t of) {
  const Terms terms = d.terms();
  return std::all_of(terms.begin(), terms.end(),
                     [&](const Term& t) { return t.coefficient % of == 0; });
}

// Whether they are also aligned to their size, all inside of the loop, and all inside or outside of the tensor.
bool are_whole(const Kernel& k, const Stage& s, const Access& a, const Loop& l) {
  const Arg& arg = k.args[a.tensor];
  if (arg.frame || !is_multiple(l.extent, kRun)) return false;
  for (size_t axis = 0; axis < a.index.size(); ++axis) {
    const Bounds& bounds = a.bounds[axis];
    if (a.index[axis].expr) return false;
    if (bounds.rule == Bounds::Rule::kProven) continue;
    const bool is_zero =
        bounds.rule == Bounds::Rule::kFill && bounds.fill == Scalar::of(arg.dtype, 0);
    if (!is_zero || uses_loop(a.index[axis].dim, l.id)) return false;
  }
  const Dim address = address_of(a, arg, ranges_of(k, &s, {}));
  return is_multiple(substitute_loops(address, {{l.id, Dim::loop(l.id) * kRun}}), kRun);
}

// Along which of the two the first of its reads lies on end.
MatrixOperand operand_of(const Kernel& k, const Stage& s, ExprId element, const Vec<Loop>& side,
                         const Vec<Loop>& depth) {
  MatrixOperand operand{.element = element, .type = s.body[element.index].type, .side = side};
  const Vec<uint32_t> reads = loaded_reads(s, element);
  if (reads.empty()) return operand;
  const Access& a = s.reads[reads[0]];
  if (!depth.empty() && runs_along(k, s, a, depth.back())) {
    if (s.body[element.index].fn == Fn::kLoad && are_whole(k, s, a, depth.back())) {
      operand.copied = reads[0];
    }
    return operand;
  }
  operand.along_side = !side.empty() && runs_along(k, s, a, side.back());
  if (operand.along_side && s.body[element.index].fn == Fn::kLoad &&
      are_whole(k, s, a, side.back())) {
    operand.copied = reads[0];
  }
  return operand;
}

// A loop of less than a run along which the left operand's elements lie together: the width of a window over an image of
// few channels.
const Loop* short_run(const Kernel& k, const Stage& s, const MatrixPlan& plan) {
  const Vec<uint32_t> reads = loaded_reads(s, plan.left.element);
  if (reads.empty() || plan.left.copied || plan.right.copied) return nullptr;
  for (const Loop& l : plan.loops.depth) {
    const int64_t extent = l.extent.constant().value_or(0);
    const bool is_short = extent > kRun / 2 && extent < kRun;
    if (is_short && runs_along(k, s, s.reads[reads[0]], l)) return &l;
  }
  return nullptr;
}

// Makes that loop the innermost, and each turn of it a run of its own.
void pad_runs(const Kernel& k, const Stage& s, MatrixPlan& plan) {
  const Loop* found = short_run(k, s, plan);
  if (!found) return;
  const Loop innermost = *found;
  Vec<Loop> depth = plan.loops.depth;
  std::erase_if(depth, [&](const Loop& l) { return l.id == innermost.id; });
  depth.push_back(innermost);
  const MatrixOperand left = operand_of(k, s, plan.left.element, plan.loops.rows, depth);
  const MatrixOperand right = operand_of(k, s, plan.right.element, plan.loops.columns, depth);
  // Whose runs go along the side would read steps that there are not.
  if (left.along_side || right.along_side) return;
  plan.left = left;
  plan.right = right;
  plan.steps_of_run = *innermost.extent.constant();
  depth.back().extent = kRun;
  plan.loops.depth = std::move(depth);
}

// ---- What operands lie in best ------------------------------------------------------------------

Storage with_axis_last(size_t rank, size_t axis) {
  Vec<int> order;
  for (size_t i = 0; i < rank; ++i) {
    if (i != axis) order.push_back(static_cast<int>(i));
  }
  order.push_back(static_cast<int>(axis));
  return Storage::ordered(order);
}

// Channels last in the image, the weights and the results, where there are enough of them for whole runs.
Vec<Need> needs_of(const Kernel& k) {
  Vec<Need> needs(k.args.size());
  const Stage& s = k.stages[0];
  if (s.kind() != Kind::kConv) return needs;
  const ConvGeometry g = *conv_geometry(s);
  const Access &x = s.reads[g.image], &w = s.reads[g.weights];
  const Loop& channels = *find_loop(s.loops, s.conv().in_channel);
  if (is_multiple(channels.extent, kRun)) {
    needs[x.tensor] = Need::like(with_axis_last(x.index.size(), g.channels));
    Vec<Loop> depth;
    for (const LoopId id : s.conv().window) depth.push_back(*find_loop(s.loops, id));
    depth.push_back(channels);
    needs[w.tensor] = Need::like(depth_last(w, depth));
  }
  for (const Stage& stage : k.stages) {
    for (const Access& a : stage.writes) {
      if (a.of != Access::Of::kArg) continue;
      for (size_t axis = 0; axis < a.index.size(); ++axis) {
        if (!uses_loop(a.index[axis].dim, s.conv().out_channel)) continue;
        needs[a.tensor] = Need::prefers(with_axis_last(a.index.size(), axis));
      }
    }
  }
  return needs;
}

// Its arguments lying as needed.
Kernel meeting(Kernel k, const Vec<Need>& needs) {
  for (size_t i = 0; i < needs.size(); ++i) {
    Arg& arg = k.args[i];
    if (!needs[i].is_met_by(arg.storage)) {
      arg.storage = needs[i].wanted(static_cast<int>(arg.shape.size()));
    }
  }
  return k;
}

}  // namespace

std::optional<MatrixPlan> plan_matrix(const Kernel& k) {
  std::optional<ProductLoops> loops = product_loops(k);
  if (!loops) return std::nullopt;
  const Stage& s = k.stages[0];
  const Vec<ExprId> factors = operands(s);
  const std::optional<ExprId> a = short_element(s, factors[0]), b = short_element(s, factors[1]);
  if (!a || !b || accumulator_types(s)[0] != DType::kF32) return std::nullopt;
  if (s.body[a->index].type != s.body[b->index].type) return std::nullopt;
  MatrixPlan plan{.loops = std::move(*loops)};
  plan.left = operand_of(k, s, *a, plan.loops.rows, plan.loops.depth);
  plan.right = operand_of(k, s, *b, plan.loops.columns, plan.loops.depth);
  pad_runs(k, s, plan);
  return plan;
}

std::span<const MatrixTile> matrix_tiles() { return kTiles; }

const MatrixTile* find_tile(const Choice& choice) {
  if (choice.tile.size() != 2) return nullptr;
  const auto* found = std::ranges::find_if(kTiles, [&](const MatrixTile& t) {
    return t.rows == choice.tile[0] && t.columns == choice.tile[1];
  });
  return found == std::end(kTiles) ? nullptr : found;
}

MatrixTile fitted_to(MatrixTile tile, const ProductLoops& loops) {
  const Dim steps = ceil_div(points_of(loops.depth), kStageDepth);
  const int64_t filled = steps.constant().value_or(tile.stages) + 1;
  tile.stages = std::clamp<int64_t>(filled, 2, tile.stages);
  return tile;
}

bool has_room(const MatrixPlan& plan, const MatrixTile& tile) {
  constexpr int64_t kMostWords = 32, kMost = 128;
  int64_t words = 0;
  if (!plan.left.copied) words += tile.rows * kStageDepth / 2 / tile.threads();
  if (!plan.right.copied) words += tile.columns * kStageDepth / 2 / tile.threads();
  const int64_t sums = tile.warp_rows * tile.warp_columns / kReductionLanes;
  return words == 0 || (words <= kMostWords && words + sums <= kMost);
}

Vec<Alternative> offer_matrix(const Kernel& k, const CudaTarget&) {
  const std::optional<MatrixPlan> plan = plan_matrix(k);
  if (!plan || !is_relaxed(k)) return {};
  const Vec<Need> needs = needs_of(k);
  const MatrixPlan met = *plan_matrix(meeting(k, needs));
  std::optional<Alternative> best;
  for (const MatrixTile& tile : kTiles) {
    if (!has_room(met, tile)) continue;
    Alternative row{.choice = {"contract.mma", {tile.rows, tile.columns}},
                    .needs = needs,
                    .cost = price_of_matrix(k, met, fitted_to(tile, met.loops)),
                    .exact = false};
    if (!best || row.cost < best->cost) best = std::move(row);
  }
  return {std::move(*best)};
}

bool fits_matrix(const Kernel& k, const Choice& choice) {
  return find_tile(choice) && plan_matrix(k).has_value();
}

}  // namespace rlx::backend::cuda
