// Blocks of rows: see rows.h.
//
// Rows past the end repeat the last row: the same values are written twice, and no remainder code exists.
#include "backend/cpu/machine.h"
#include "backend/cpu/nest.h"
#include "backend/cpu/row_results.h"
#include "backend/cpu/rows.h"
#include "backend/cpu/tile.h"
#include "backend/llvm/emit_grid.h"
#include "image/image.h"

namespace rlx::backend::cpu {
namespace {

using llvm::Value;

constexpr int kColumns = kLanes;
constexpr int64_t kUnrolledDepth = 4;

// Stages from one product to the next, which run row by row; a product is alone.
struct Segment {
  Vec<Group> groups;
  bool is_product = false;
};

struct RowPlan {
  Nest nest;
  RowLoops loops;
  RowTile tile;
  Vec<Segment> segments;
  // By stage: whether it is a product whose right operand is turned, and whether its left one is staged.
  Vec<bool> turned, staged;
  // By local: where its rows begin in scratch, and how far apart they are, in bytes.
  Vec<Dim> offsets, strides;
  Dim row_count, blocks, scratch_bytes;
  // Where the columns of a tile of a turned operand begin in scratch: f32, a row for each step of the depth.
  Dim columns_offset;
  // Where the rows of staged operands begin, f32, one product after the other in the same place.
  Dim staged_offset;

  int64_t tile_columns() const { return tile.vectors * kColumns; }
  bool goes_along_depth(size_t stage) const { return turned[stage] || staged[stage]; }
};

Vec<Segment> segments_of(const Nest& n) {
  Vec<Segment> segments;
  for (const Group& g : n.groups) {
    const bool product = n.kernel.stages[g.first].kind() == Kind::kContract;
    if (product || segments.empty() || segments.back().is_product) {
      segments.push_back({{}, product});
    }
    segments.back().groups.push_back(g);
  }
  return segments;
}

// Of these operands, in whole vectors.
int64_t most_steps(const RowPlan& p, const Vec<bool>& stages) {
  int64_t most = 0;
  for (size_t i = 0; i < stages.size(); ++i) {
    if (!stages[i]) continue;
    const int64_t depth = *depth_loop(p.nest.kernel.stages[i]).extent.constant();
    most = std::max(most, (depth + kColumns - 1) / kColumns * kColumns);
  }
  return most;
}

// Whether it sums over one loop of few steps, so that operands go through scratch.
bool is_short(const Stage& s) {
  constexpr int64_t kMostSteps = 1024;
  if (s.kind() != Kind::kContract || s.contract().k.size() != 1) return false;
  const std::optional<int64_t> depth = depth_loop(s).extent.constant();
  return depth && *depth <= kMostSteps;
}

// Of the left operand: it is computed.
bool is_staged(const Stage& s) {
  return is_short(s) && s.body[s.contract().a.index].fn != Fn::kLoad;
}

void lay_out_rows(RowPlan& p) {
  Dim end = image::kTrapBytes;
  for (const Local& l : p.nest.kernel.locals) {
    const Arg memory = local_storage(l);
    const Dim stride =
        ceil_div(bytes_of(l.dtype, storage_elements(memory.storage, memory.shape)), 64) * 64;
    p.offsets.push_back(end);
    p.strides.push_back(stride);
    end = end + stride * p.tile.block();
  }
  // A last vector may be stored whole.
  p.columns_offset = end + kLanesBytes;
  constexpr int64_t kBytes = sizeof(float);
  p.staged_offset = p.columns_offset + most_steps(p, p.turned) * p.tile_columns() * kBytes;
  p.scratch_bytes = p.staged_offset + most_steps(p, p.staged) * p.tile.block() * kBytes;
}

void choose_lanes(const Nest& n, Group& g) {
  const Stage& s = n.kernel.stages[g.first];
  g.kept_lanes = g.last == g.first + 1 && is_kept_contiguous(n.kernel, s, n.lanes);
  g.vector = !g.kept_lanes && is_vectorisable(s);
}

RowPlan plan_rows(const Kernel& k, const Choice& choice, const Isa& isa) {
  RowPlan p;
  p.nest.kernel = k;
  for (Stage& s : p.nest.kernel.stages) expand_math(s);
  fold_maps_into_results(p.nest.kernel);
  give_memory(p.nest.kernel);
  p.nest.lanes = isa.lanes;
  p.nest.wide = isa.wide;
  p.nest.groups = group_stages(p.nest.kernel);
  for (Group& g : p.nest.groups) choose_lanes(p.nest, g);
  p.loops = *row_loops(p.nest.kernel);
  p.tile = row_tile(choice);
  p.segments = segments_of(p.nest);
  p.turned = turned_stages(p.nest.kernel, choice);
  for (const Stage& s : p.nest.kernel.stages) p.staged.push_back(is_staged(s));
  p.row_count = extent_of(p.loops.rows);
  p.blocks = ceil_div(p.row_count, p.tile.block());
  lay_out_rows(p);
  return p;
}

class RowsEmitter {
 public:
  RowsEmitter(Function& f, const RowPlan& p)
      : f_(f), k_(p.nest.kernel), p_(p), refs_(refs_of(p.nest)), along_depth_(k_.stages.size()) {
    for (size_t i = 0; i < k_.stages.size(); ++i) {
      const Stage& s = k_.stages[i];
      if (s.kind() != Kind::kContract) continue;
      refs_[i] = resolve(k_, s, {.lane_loop = column_loop(s), .lanes = kColumns});
      if (!p.goes_along_depth(i)) continue;
      along_depth_[i] = resolve(k_, s, {.lane_loop = depth_loop(s).id, .lanes = p.nest.lanes});
    }
  }

  void run() {
    emit_for(f_, f_.first, f_.last, 1, [&](Value* t) { block(t); });
  }

 private:
  Value* dim(const Dim& d) {
    return f_.at_entry([&] { return emit_dim(f_, {}, d); });
  }
  Value* smaller(Value* x, Value* y) {
    return f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, y);
  }

  void block(Value* t) {
    Value* blocks = dim(p_.blocks);
    batch_ = spread(f_, {}, p_.loops.batch, f_.b.CreateUDiv(t, blocks));
    first_ = f_.b.CreateMul(f_.b.CreateURem(t, blocks), f_.i64(p_.tile.block()));
    rows_ = rows_of_block();
    for (const Segment& s : p_.segments) {
      if (s.is_product) {
        product(s.groups[0].first);
      } else {
        emit_for(f_, f_.i64(0), rows_, 1, [&](Value* r) { stages(s, r); });
      }
    }
  }

  // Whole tiles: those that have a row which there is.
  Value* rows_of_block() {
    if (p_.tile.tiles == 1) return f_.i64(p_.tile.rows);
    Value* height = f_.i64(p_.tile.rows);
    Value* left = f_.b.CreateSub(dim(p_.row_count), first_);
    Value* tiles = f_.b.CreateUDiv(f_.b.CreateAdd(left, f_.i64(p_.tile.rows - 1)), height);
    return f_.b.CreateMul(smaller(tiles, f_.i64(p_.tile.tiles)), height);
  }

  Point row_point(Value* r) {
    Value* last = f_.b.CreateSub(dim(p_.row_count), f_.i64(1));
    return spread(f_, batch_, p_.loops.rows, smaller(f_.b.CreateAdd(first_, r), last));
  }

  // The locals of row r of the block.
  Regs locals_of(Value* r) {
    Regs memory;
    for (size_t i = 0; i < k_.locals.size(); ++i) {
      Value* offset = f_.b.CreateAdd(dim(p_.offsets[i]), f_.b.CreateMul(r, dim(p_.strides[i])));
      memory.push_back(f_.b.CreateGEP(f_.b.getInt8Ty(), f_.scratch, offset));
    }
    return memory;
  }

  void use(const Regs& locals) {
    for (uint32_t i = 0; i < locals.size(); ++i) f_.set_local(i, locals[i]);
  }

  void stages(const Segment& s, Value* r) {
    use(locals_of(r));
    const Point at = row_point(r);
    Regs none(k_.locals.size());
    for (const Group& g : s.groups) emit_group(f_, p_.nest, refs_, g, at, none);
  }

  // ---- Products ---------------------------------------------------------------------------------

  // A row of a tile, `index` of its block.
  struct Row {
    Value* index;
    Point at;
    Regs locals;
  };

  void product(size_t stage) {
    if (p_.staged[stage]) {
      emit_for(f_, f_.i64(0), rows_, 1, [&](Value* r) { stage_left(stage, r); });
    }
    const Loop& columns = k_.stages[stage].loops[0];
    const Dim whole = floor_div(columns.extent, p_.tile_columns()) * p_.tile_columns();
    emit_for(f_, f_.i64(0), dim(whole), p_.tile_columns(),
             [&](Value* n) { tiles(stage, n, p_.tile.vectors, nullptr); });
    if ((columns.extent - whole).is(0)) return;
    emit_for(f_, dim(whole), dim(columns.extent), kColumns, [&](Value* n) {
      Value* left = f_.b.CreateSub(dim(columns.extent), n);
      tiles(stage, n, 1, smaller(left, f_.i64(kColumns)));
    });
  }

  // All rows of the block; the columns from n on, `remaining` of a last vector, null: all.
  void tiles(size_t stage, Value* n, int64_t vectors, Value* remaining) {
    if (p_.turned[stage]) turn(stage, n, vectors, remaining);
    emit_for(f_, f_.i64(0), rows_, p_.tile.rows,
             [&](Value* first) { tile(stage, first, n, vectors, remaining); });
  }

  Vec<Row> rows_from(Value* first) {
    Vec<Row> rows;
    for (int64_t r = 0; r < p_.tile.rows; ++r) {
      Value* index = f_.b.CreateAdd(first, f_.i64(r));
      rows.push_back({index, row_point(index), locals_of(index)});
    }
    return rows;
  }

  void tile(size_t stage, Value* first, Value* n, int64_t vectors, Value* remaining) {
    const Vec<Row> rows = rows_from(first);
    const StageRefs& s = refs_[stage];
    const Vec<Point> at = columns_at(s, batch_, n, vectors, remaining);
    llvm::Type* vector = llvm::FixedVectorType::get(f_.b.getFloatTy(), kColumns);
    Regs sums(rows.size() * at.size(), llvm::Constant::getNullValue(vector));
    sums = sum(stage, rows, at, {}, 1, std::move(sums));
    for (size_t r = 0; r < rows.size(); ++r) {
      use(rows[r].locals);
      const Vec<Point> here = columns_at(s, rows[r].at, n, vectors, remaining);
      for (size_t v = 0; v < here.size(); ++v) {
        Regs none(k_.locals.size());
        emit_results(f_, s, here[v], none, {sums[r * here.size() + v]});
      }
    }
  }

  Vec<Point> columns_at(const StageRefs& s, const Point& at, Value* n, int64_t vectors,
                        Value* remaining) {
    const LoopId column = column_loop(*s.stage);
    if (remaining) return {with_some_lanes(f_, at, column, kColumns, n, remaining)};
    Vec<Point> points;
    for (int64_t v = 0; v < vectors; ++v) {
      Value* first = f_.b.CreateNSWAdd(n, f_.i64(v * kColumns));
      points.push_back(with_lanes(f_, at, column, kColumns, first));
    }
    return points;
  }

  // Over the loops of the sum from `level` on; `depth` are the loops outside of it.
  Regs sum(size_t stage, const Vec<Row>& rows, const Vec<Point>& columns, const Point& depth,
           size_t level, Regs sums) {
    const Vec<Loop>& loops = k_.stages[stage].loops;
    if (level == loops.size()) return step(stage, rows, columns, depth, std::move(sums));
    const Loop& l = loops[level];
    auto steps = [&](Value* first, int64_t count, Regs carried) {
      for (int64_t u = 0; u < count; ++u) {
        const Point at = depth.with(l.id, f_.b.CreateAdd(first, f_.i64(u)));
        carried = sum(stage, rows, columns, at, level + 1, std::move(carried));
      }
      return carried;
    };
    const bool innermost = level + 1 == loops.size();
    const int64_t unroll = innermost ? kUnrolledDepth : 1;
    Value* even = dim(floor_div(l.extent, unroll) * unroll);
    sums = emit_for(f_, f_.i64(0), even, unroll, std::move(sums),
                    [&](Value* i, const Regs& c) { return steps(i, unroll, c); });
    if (const auto n = l.extent.constant()) return steps(even, *n % unroll, std::move(sums));
    return emit_for(f_, even, dim(l.extent), 1, std::move(sums),
                    [&](Value* i, const Regs& c) { return steps(i, 1, c); });
  }

  static Point joined(Point at, const Point& more) {
    at.loops.insert(more.loops.begin(), more.loops.end());
    return at;
  }

  Regs step(size_t stage, const Vec<Row>& rows, const Vec<Point>& columns, const Point& depth,
            Regs sums) {
    const StageRefs& s = refs_[stage];
    const Regs right = p_.turned[stage] ? operands_in_scratch(stage, columns.size(), depth)
                                        : right_operands(s, columns, depth);
    for (size_t r = 0; r < rows.size(); ++r) {
      Value* left = splat(f_, left_operand(stage, rows[r], depth), kColumns);
      for (size_t v = 0; v < right.size(); ++v) {
        Value*& acc = sums[r * right.size() + v];
        acc = f_.b.CreateIntrinsic(llvm::Intrinsic::fma, {acc->getType()}, {left, right[v], acc});
      }
    }
    return sums;
  }

  Value* left_operand(size_t stage, const Row& row, const Point& depth) {
    if (p_.staged[stage]) {
      Value* step = depth.loops.at(depth_loop(k_.stages[stage]).id);
      return f_.b.CreateAlignedLoad(f_.b.getFloatTy(), staged_at(row.index, step),
                                    llvm::Align(sizeof(float)));
    }
    use(row.locals);
    const ExprId a = k_.stages[stage].contract().a;
    const Regs nodes = emit_values(f_, refs_[stage], {a}, joined(row.at, depth), no_locals());
    return nodes[a.index];
  }

  Regs right_operands(const StageRefs& s, const Vec<Point>& columns, const Point& depth) {
    const ExprId b = s.stage->contract().b;
    Regs right;
    for (const Point& at : columns) {
      const Regs nodes = emit_values(f_, s, {b}, joined(at, depth), {});
      right.push_back(splat(f_, nodes[b.index], kColumns));
    }
    return right;
  }

  // ---- Staged operands --------------------------------------------------------------------------

  // The left operand of row r along the depth; what is past its end repeats the last step.
  void stage_left(size_t stage, Value* r) {
    use(locals_of(r));
    const StageRefs& s = along_depth_[stage];
    const ExprId a = s.stage->contract().a;
    along_depth(stage, [&](Value* step, Value* left) {
      const Point at =
          with_some_lanes(f_, row_point(r), depth_loop(*s.stage).id, p_.nest.lanes, step, left);
      Value* values = splat(f_, emit_values(f_, s, {a}, at, no_locals())[a.index], p_.nest.lanes);
      f_.b.CreateAlignedStore(values, staged_at(r, step), llvm::Align(sizeof(float)));
    });
  }

  Value* staged_at(Value* row, Value* step) {
    Value* begin = f_.b.CreateMul(row, f_.i64(most_steps(p_, p_.staged)));
    return float_at(p_.staged_offset, f_.b.CreateAdd(begin, step));
  }

  // The steps of the depth in vectors, and how many there are of the last one, null: all.
  template <class F>
  void along_depth(size_t stage, F each) {
    const int64_t lanes = p_.nest.lanes;
    const int64_t steps = *depth_loop(k_.stages[stage]).extent.constant();
    const int64_t whole = steps / lanes * lanes;
    emit_for(f_, f_.i64(0), f_.i64(whole), lanes, [&](Value* step) { each(step, nullptr); });
    if (whole < steps) each(f_.i64(whole), f_.i64(steps - whole));
  }

  // ---- Turned operands --------------------------------------------------------------------------

  // The columns from n on of the right operand, into scratch: squares of as many columns as a vector has lanes, read along
  // the depth and turned in registers. What is past the last column repeats it.
  void turn(size_t stage, Value* n, int64_t vectors, Value* remaining) {
    along_depth(stage, [&](Value* step, Value* left) {
      for (int64_t c = 0; c < vectors * kColumns; c += p_.nest.lanes) {
        square(stage, n, c, step, remaining, left);
      }
    });
  }

  // Columns n + c and on, of the steps from `step` on; `columns` and `steps` of them are there, null: all.
  void square(size_t stage, Value* n, int64_t c, Value* step, Value* columns, Value* steps) {
    const StageRefs& s = along_depth_[stage];
    const int lanes = p_.nest.lanes;
    Regs rows;
    for (int64_t i = c; i < c + lanes; ++i) {
      Value* column = f_.i64(i);
      if (columns) column = smaller(column, f_.b.CreateSub(columns, f_.i64(1)));
      const Point at = batch_.with(column_loop(*s.stage), f_.b.CreateAdd(n, column));
      const ExprId b = s.stage->contract().b;
      const Point along = with_some_lanes(f_, at, depth_loop(*s.stage).id, lanes, step, steps);
      rows.push_back(splat(f_, emit_values(f_, s, {b}, along, {})[b.index], lanes));
    }
    rows = transposed(std::move(rows));
    for (int64_t i = 0; i < lanes; ++i) {
      f_.b.CreateAlignedStore(rows[static_cast<size_t>(i)],
                              column_at(f_.b.CreateAdd(step, f_.i64(i)), c),
                              llvm::Align(sizeof(float)));
    }
  }

  // Rows as columns: blocks of half the size change places, then those inside of them.
  Regs transposed(Regs rows) {
    const auto n = static_cast<int>(rows.size());
    for (int half = n / 2; half > 0; half /= 2) {
      Vec<int> first, second;
      for (int lane = 0; lane < n; ++lane) {
        const bool is_high = (lane & half) != 0;
        first.push_back(is_high ? n + lane - half : lane);
        second.push_back(is_high ? n + lane : lane + half);
      }
      for (int i = 0; i < n; ++i) {
        if ((i & half) != 0) continue;
        Value*& low = rows[static_cast<size_t>(i)];
        Value*& high = rows[static_cast<size_t>(i) + static_cast<size_t>(half)];
        Value* together = f_.b.CreateShuffleVector(low, high, first);
        high = f_.b.CreateShuffleVector(low, high, second);
        low = together;
      }
    }
    return rows;
  }

  Value* column_at(Value* step, int64_t column) {
    Value* element =
        f_.b.CreateAdd(f_.b.CreateMul(step, f_.i64(p_.tile_columns())), f_.i64(column));
    return float_at(p_.columns_offset, element);
  }

  Value* float_at(const Dim& offset, Value* element) {
    Value* begin = f_.b.CreateGEP(f_.b.getInt8Ty(), f_.scratch, dim(offset));
    return f_.b.CreateGEP(f_.b.getFloatTy(), begin, element);
  }

  Regs no_locals() const { return Regs(k_.locals.size()); }

  Regs operands_in_scratch(size_t stage, size_t vectors, const Point& depth) {
    llvm::Type* vector = llvm::FixedVectorType::get(f_.b.getFloatTy(), kColumns);
    Value* step = depth.loops.at(depth_loop(k_.stages[stage]).id);
    Regs right;
    for (size_t v = 0; v < vectors; ++v) {
      Value* at = column_at(step, static_cast<int64_t>(v) * kColumns);
      right.push_back(f_.b.CreateAlignedLoad(vector, at, llvm::Align(sizeof(float))));
    }
    return right;
  }

  Function& f_;
  const Kernel& k_;
  const RowPlan& p_;
  Vec<StageRefs> refs_;
  // Of products with an operand that is turned or staged, whose lanes are steps of the depth.
  Vec<StageRefs> along_depth_;
  // Of the block being written: its first row, and how many it has.
  Point batch_;
  Value *first_ = nullptr, *rows_ = nullptr;
};

}  // namespace

Work emit_rows(const Job& job) {
  X86 const machine(job.target);
  const RowPlan p = plan_rows(job.planned.kernel, job.planned.choice, Isa(job.target));
  Function f(job.module, job.name, p.nest.kernel, job.symbols, machine);
  RowsEmitter(f, p).run();
  f.finish();
  return {extent_of(p.loops.batch) * p.blocks, p.scratch_bytes, f.features()};
}

}  // namespace rlx::backend::cpu
