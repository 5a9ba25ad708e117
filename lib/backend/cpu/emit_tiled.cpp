// Code for "contract.panel" and "conv.direct" (tile.h): one function, all loops of a register tile in it.
//
// A tile of work is a row tile times a block of columns that fits half of the second-level cache; the row
// tiles of one block follow each other, so a thread reads its block from memory once. The sums of a row
// tile and its vectors of columns stay in registers over the whole depth; then they go through scratch, in
// the first-level cache, to the epilogue, which runs row by row. Rows past the end repeat the last row: the
// same value is written twice, and no remainder code exists.
#include "backend/cpu/machine.h"
#include "backend/cpu/tile.h"
#include "backend/llvm/emit_access.h"
#include "image/image.h"

namespace rlx::backend::cpu {
namespace {

constexpr int64_t kUnroll = 4;

// What is known of the product before any code is written.
struct Shape {
  TileLoops loops;
  Tile tile;
  Dim rows, row_tiles, panels, blocks;
  // Panels of a vector of columns in a block, a multiple of tile.vectors.
  int64_t block = 1;
};

Dim extent_of(const Vec<Loop>& loops) {
  Dim p = 1;
  for (const Loop& l : loops) p = p * l.extent;
  return p;
}

// Half of the second-level cache, and enough tiles for many cores where there are few rows.
int64_t block_panels(const Shape& s, DType right, const CpuTarget& target) {
  const int64_t depth = extent_of(s.loops.depth).constant().value_or(1024);
  const int64_t panel_bytes = depth * bytes_of(right, s.loops.columns);
  int64_t fit = target.l2_bytes / 2 / std::max<int64_t>(1, panel_bytes);
  std::optional<int64_t> row_tiles = s.row_tiles.constant(), panels = s.panels.constant();
  if (row_tiles && panels && *row_tiles < kManyTiles) {
    fit = std::min(fit, *panels * *row_tiles / kManyTiles);
  }
  if (panels) fit = std::min(fit, *panels);
  return std::max<int64_t>(1, fit / s.tile.vectors) * s.tile.vectors;
}

Shape shape_of(const Kernel& k, const Choice& choice, const CpuTarget& target) {
  std::optional<TileLoops> loops = tile_loops(k);
  RLX_CHECK(loops && choice.tile.size() == 2,
            "a kernel that is no product was given a register tile");
  Shape s;
  s.loops = *loops;
  s.tile = {choice.tile[0], choice.tile[1]};
  s.rows = extent_of(s.loops.rows);
  s.row_tiles = ceil_div(s.rows, s.tile.rows);
  s.panels = ceil_div(s.loops.column.extent, s.loops.columns);
  s.block = block_panels(s, k.args[k.stages[0].reads[1].tensor].dtype, target);
  s.blocks = ceil_div(s.panels, s.block);
  return s;
}

// One loop of the sum, with what a step adds to the operands' addresses.
struct Depth {
  Dim extent, a_step, b_step;
};

class TiledEmitter {
 public:
  TiledEmitter(Function& f, const Shape& shape)
      : f_(f),
        k_(f.kernel),
        s_(shape),
        acc_(shape.loops.acc),
        columns_(shape.loops.columns),
        range_(ranges_of(k_, k_.stages.data(), {})) {
    const RefOptions options{.lane_loop = s_.loops.column.id, .lanes = columns_};
    for (const Stage& stage : k_.stages) refs_.push_back(resolve(k_, stage, options));
    collect_depth();
    decide_rows();
  }

  void run() {
    emit_for(f_, f_.first, f_.last, 1, [&](llvm::Value* t) { work(t); });
  }

 private:
  const Ref& a() const { return refs_[0].reads[0]; }
  const Ref& b() const { return refs_[0].reads[1]; }

  llvm::Value* dim(const Dim& d) {
    return f_.at_entry([&] { return emit_dim(f_, {}, d); });
  }

  void collect_depth() {
    RLX_CHECK(a().guards.empty() && b().guards.empty(),
              "an operand of a product reads out of its bounds");
    for (const Loop& l : s_.loops.depth) {
      std::optional<Dim> a_step = step_of(a().address, l.id, range_),
                         b_step = step_of(b().address, l.id, range_);
      RLX_CHECK(a_step && b_step, "an operand of a product is not affine in its depth");
      const Depth d{l.extent, *a_step, *b_step};
      const bool joins = !depth_.empty() && depth_.back().a_step == d.extent * d.a_step &&
                         depth_.back().b_step == d.extent * d.b_step;
      if (joins) {
        depth_.back() = {depth_.back().extent * d.extent, d.a_step, d.b_step};
      } else {
        depth_.push_back(d);
      }
    }
  }

  // Whether the rows of a tile are always a constant step apart, so that one pointer serves all.
  void decide_rows() {
    Vec<Loop> loops;
    for (const Loop& l : s_.loops.rows) {
      if (!l.extent.is(1)) loops.push_back(l);
    }
    if (loops.empty()) {
      row_step_ = 0;
      return;
    }
    std::optional<Dim> inner = step_of(a().address, loops.back().id, range_);
    if (!inner || !inner->constant()) return;
    std::optional<int64_t> rows = s_.rows.constant(), length = loops.back().extent.constant();
    const bool whole = length && *length % s_.tile.rows == 0;
    const bool even = rows && *rows >= s_.tile.rows && nests(loops);
    if (whole || even) row_step_ = inner->constant();
  }

  bool nests(const Vec<Loop>& loops) const {
    for (size_t i = 0; i + 1 < loops.size(); ++i) {
      std::optional<Dim> outer = step_of(a().address, loops[i].id, range_),
                         inner = step_of(a().address, loops[i + 1].id, range_);
      if (!outer || !inner || *outer != loops[i + 1].extent * *inner) return false;
    }
    return true;
  }

  // The loops of a linear index, innermost fastest.
  Point spread(Point at, const Vec<Loop>& loops, llvm::Value* linear) {
    for (size_t i = loops.size(); i-- > 0;) {
      if (i == 0) {
        at.loops[loops[0].id] = linear;
        break;
      }
      if (loops[i].extent.is(1)) {
        at.loops[loops[i].id] = f_.i64(0);
        continue;
      }
      llvm::Value* extent = dim(loops[i].extent);
      at.loops[loops[i].id] = f_.b.CreateURem(linear, extent);
      linear = f_.b.CreateUDiv(linear, extent);
    }
    return at;
  }

  llvm::Value* smaller(llvm::Value* x, llvm::Value* y) {
    return f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, y);
  }

  void work(llvm::Value* t) {
    llvm::IRBuilder<>& b = f_.b;
    llvm::Value *row_tiles = dim(s_.row_tiles), *blocks = dim(s_.blocks);
    llvm::Value* row_tile = b.CreateURem(t, row_tiles);
    llvm::Value* rest = b.CreateUDiv(t, row_tiles);
    llvm::Value* block = b.CreateURem(rest, blocks);
    batch_ = spread({}, s_.loops.batch, b.CreateUDiv(rest, blocks));
    first_row_ = b.CreateMul(row_tile, f_.i64(s_.tile.rows));
    if (row_step_) {
      first_row_ = smaller(first_row_,
                           b.CreateSub(dim(s_.rows), f_.i64(std::max<int64_t>(1, rows_in_tile()))));
    }
    point_at_rows();
    llvm::Value* lo = b.CreateMul(block, f_.i64(s_.block));
    columns(lo, smaller(b.CreateAdd(lo, f_.i64(s_.block)), dim(s_.panels)));
  }

  // Where the tile's rows are a constant step apart they all exist.
  int64_t rows_in_tile() const { return s_.tile.rows; }

  llvm::Value* row(llvm::Value* r) {
    llvm::Value* linear = f_.b.CreateAdd(first_row_, r);
    return row_step_ ? linear : smaller(linear, f_.b.CreateSub(dim(s_.rows), f_.i64(1)));
  }

  Point row_point(llvm::Value* r) { return spread(batch_, s_.loops.rows, row(r)); }

  // Depth loops at their start, where the operands' pointers are taken.
  Point at_depth_start(Point at) {
    for (const Loop& l : s_.loops.depth) at.loops[l.id] = f_.i64(0);
    return at;
  }

  llvm::Value* pointer(const Ref& r, const Point& at) {
    llvm::Value* offset = emit_dim(f_, at_depth_start(at), r.address);
    return moved(r, f_.buffer(r.tensor), offset);
  }

  // p moved by so many elements of r.
  llvm::Value* moved(const Ref& r, llvm::Value* p, llvm::Value* offset) {
    return f_.b.CreateGEP(memory_type(f_, r.dtype), p, offset);
  }

  llvm::Type* vector_of(llvm::Type* element) {
    return llvm::FixedVectorType::get(element, static_cast<unsigned>(columns_));
  }
  llvm::Type* sums_type() { return vector_of(value_type(f_, acc_)); }

  void point_at_rows() {
    rows_.clear();
    const int64_t separate = row_step_ ? 1 : s_.tile.rows;
    for (int64_t r = 0; r < separate; ++r) {
      rows_.push_back(pointer(a(), row_point(f_.i64(r))));
    }
  }

  // Panels [lo, hi): full tiles of vectors, then panel by panel.
  void columns(llvm::Value* lo, llvm::Value* hi) {
    int64_t vectors = s_.tile.vectors;
    std::optional<int64_t> n = s_.loops.column.extent.constant();
    llvm::Value* full = smaller(hi, dim(floor_div(s_.loops.column.extent, columns_)));
    llvm::Value* whole = f_.b.CreateSDiv(f_.b.CreateSub(full, lo), f_.i64(vectors));
    llvm::Value* end = f_.b.CreateAdd(
        lo, f_.b.CreateMul(f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, whole, f_.i64(0)),
                           f_.i64(vectors)));
    emit_for(f_, lo, end, vectors, [&](llvm::Value* p) { tile(p, vectors, nullptr); });
    if (n && *n % (columns_ * vectors) == 0) return;
    emit_for(f_, end, hi, 1, [&](llvm::Value* p) {
      llvm::Value* left =
          f_.b.CreateSub(dim(s_.loops.column.extent), f_.b.CreateMul(p, f_.i64(columns_)));
      const bool partial = !n || *n % columns_ != 0;
      tile(p, 1, partial ? smaller(left, f_.i64(columns_)) : nullptr);
    });
  }

  // `vectors` panels from p on; `remaining` columns of a last panel, null: all.
  void tile(llvm::Value* p, int64_t vectors, llvm::Value* remaining) {
    remaining_ = remaining;
    Regs panels;
    for (int64_t v = 0; v < vectors; ++v) {
      Point at = batch_;
      at.loops[s_.loops.column.id] = f_.b.CreateMul(f_.b.CreateAdd(p, f_.i64(v)), f_.i64(columns_));
      panels.push_back(pointer(b(), at));
    }
    Regs sums(static_cast<size_t>(s_.tile.rows * vectors),
              llvm::Constant::getNullValue(sums_type()));
    sums = sum(0, f_.i64(0), f_.i64(0), panels, sums);
    park(sums);
    emit_for(f_, f_.i64(0), f_.i64(s_.tile.rows), 1,
             [&](llvm::Value* r) { epilogue(r, p, vectors); });
  }

  Regs sum(size_t level, llvm::Value* a_offset, llvm::Value* b_offset, const Regs& panels,
           const Regs& sums) {
    const Depth& d = depth_[level];
    if (level + 1 == depth_.size()) return innermost(d, a_offset, b_offset, panels, sums);
    return emit_for(
        f_, f_.i64(0), dim(d.extent), 1, sums, [&](llvm::Value* i, const Regs& carried) {
          return sum(level + 1, f_.b.CreateAdd(a_offset, f_.b.CreateMul(i, dim(d.a_step))),
                     f_.b.CreateAdd(b_offset, f_.b.CreateMul(i, dim(d.b_step))), panels, carried);
        });
  }

  Regs innermost(const Depth& d, llvm::Value* a_offset, llvm::Value* b_offset, const Regs& panels,
                 const Regs& sums) {
    llvm::Value* extent = dim(d.extent);
    llvm::Value* even = dim(floor_div(d.extent, kUnroll) * kUnroll);
    auto steps = [&](llvm::Value* k, int64_t count, Regs carried) {
      llvm::Value* at_a = f_.b.CreateAdd(a_offset, f_.b.CreateMul(k, dim(d.a_step)));
      llvm::Value* at_b = f_.b.CreateAdd(b_offset, f_.b.CreateMul(k, dim(d.b_step)));
      for (int64_t u = 0; u < count; ++u) {
        carried = step(times(u, d.a_step, at_a), times(u, d.b_step, at_b), panels, carried);
      }
      return carried;
    };
    const Regs out = emit_for(f_, f_.i64(0), even, kUnroll, sums,
                              [&](llvm::Value* k, const Regs& c) { return steps(k, kUnroll, c); });
    if (std::optional<int64_t> n = d.extent.constant()) return steps(even, *n % kUnroll, out);
    return emit_for(f_, even, extent, 1, out,
                    [&](llvm::Value* k, const Regs& c) { return steps(k, 1, c); });
  }

  // base + u * step
  llvm::Value* times(int64_t u, const Dim& step, llvm::Value* base) {
    return f_.b.CreateAdd(base, dim(step * u));
  }

  // One depth step: the vectors of the right operand once, then row by row, which is the order that keeps
  // all sums in registers.
  Regs step(llvm::Value* at_a, llvm::Value* at_b, const Regs& panels, Regs sums) {
    Regs right;
    for (llvm::Value* p : panels) right.push_back(load_right(moved(b(), p, at_b)));
    for (size_t r = 0; r < static_cast<size_t>(s_.tile.rows); ++r) {
      llvm::Value* x = splat(f_, load_left(r, at_a), columns_);
      for (size_t v = 0; v < right.size(); ++v) {
        llvm::Value*& acc = sums[r * right.size() + v];
        acc = emit_fn(f_, Fn::kFma, acc_, acc_, {x, right[v], acc});
      }
    }
    return sums;
  }

  llvm::Value* load_left(size_t r, llvm::Value* offset) {
    llvm::Value* p = moved(a(), rows_[row_step_ ? 0 : r], offset);
    if (row_step_) p = moved(a(), p, f_.i64(*row_step_ * static_cast<int64_t>(r)));
    return as_sum(a(), f_.b.CreateAlignedLoad(memory_type(f_, a().dtype), p, align_of(a())));
  }

  llvm::Value* load_right(llvm::Value* p) { return as_sum(b(), load_columns(p)); }

  // Columns past the end may be read where they lie in padding.
  llvm::Instruction* load_columns(llvm::Value* p) {
    llvm::Type* vector = vector_of(memory_type(f_, b().dtype));
    if (!remaining_ || b().padding) return f_.b.CreateAlignedLoad(vector, p, align_of(b()));
    if (size_of(b().dtype) < 4 && !f_.machine.masks_narrow_elements()) return gather(p, vector);
    llvm::Value* mask = f_.b.CreateIntrinsic(llvm::Intrinsic::get_active_lane_mask,
                                             {vector_of(f_.b.getInt1Ty()), f_.b.getInt64Ty()},
                                             {f_.i64(0), remaining_});
    return f_.b.CreateMaskedLoad(vector, p, align_of(b()), mask,
                                 llvm::Constant::getNullValue(vector));
  }

  // Without masks for narrow elements: the last column that there is, in place of those past the end.
  llvm::Instruction* gather(llvm::Value* p, llvm::Type* vector) {
    llvm::Value* last = f_.b.CreateSub(remaining_, f_.i64(1));
    llvm::Value* lanes = f_.b.CreateStepVector(vector_of(f_.b.getInt64Ty()));
    llvm::Value* columns = smaller(lanes, splat(f_, last, columns_));
    return f_.b.CreateMaskedGather(vector, moved(b(), p, columns), align_of(b()));
  }

  static llvm::Align align_of(const Ref& r) {
    return llvm::Align(static_cast<uint64_t>(size_of(r.dtype)));
  }

  llvm::Value* as_sum(const Ref& r, llvm::Instruction* load) {
    f_.tag(load, r.tensor);
    return emit_fn(f_, Fn::kCast, r.dtype, acc_, {load});
  }

  llvm::Value* parked(llvm::Value* index) {
    llvm::Value* offset =
        f_.b.CreateAdd(f_.b.CreateMul(index, f_.i64(kVectorBytes)), f_.i64(image::kTrapBytes));
    return f_.b.CreateGEP(f_.b.getInt8Ty(), f_.scratch, offset);
  }

  void park(const Regs& sums) {
    for (size_t i = 0; i < sums.size(); ++i) {
      f_.tag(f_.b.CreateAlignedStore(sums[i], parked(f_.i64(static_cast<int64_t>(i))),
                                     llvm::Align(64)),
             Function::kScratch);
    }
  }

  void epilogue(llvm::Value* r, llvm::Value* p, int64_t vectors) {
    const Point at = row_point(r);
    for (int64_t v = 0; v < vectors; ++v) {
      llvm::Value* index = f_.b.CreateAdd(f_.b.CreateMul(r, f_.i64(vectors)), f_.i64(v));
      llvm::LoadInst* acc = f_.b.CreateAlignedLoad(sums_type(), parked(index), llvm::Align(64));
      f_.tag(acc, Function::kScratch);
      llvm::Value* column = f_.b.CreateMul(f_.b.CreateAdd(p, f_.i64(v)), f_.i64(columns_));
      const Point lanes =
          remaining_ ? with_some_lanes(f_, at, s_.loops.column.id, columns_, column, remaining_)
                     : with_lanes(f_, at, s_.loops.column.id, columns_, column);
      Regs locals(k_.locals.size());
      emit_results(f_, refs_[0], lanes, locals, {acc});
      for (size_t s = 1; s < refs_.size(); ++s) emit_map(f_, refs_[s], lanes, locals);
    }
  }

  Function& f_;
  const Kernel& k_;
  const Shape& s_;
  DType acc_;
  int columns_;
  RangeOf range_;
  Vec<StageRefs> refs_;
  Vec<Depth> depth_;
  // Elements between the rows of a tile, where that is a constant.
  std::optional<int64_t> row_step_;
  // Of the tile being written.
  Point batch_;
  llvm::Value* first_row_ = nullptr;
  llvm::Value* remaining_ = nullptr;
  // Pointers to the left operand's rows: one where row_step_, else one a row.
  Regs rows_;
};

}  // namespace

Work emit_tiled(const Job& job) {
  X86 const machine(job.target);
  Kernel k = job.planned.kernel;
  for (Stage& s : k.stages) expand_math(s);
  Function f(job.module, job.name, k, job.symbols, machine);
  const Shape s = shape_of(k, job.planned.choice, job.target);
  TiledEmitter(f, s).run();
  f.finish();
  const int64_t parked = s.tile.rows * s.tile.vectors * kVectorBytes;
  return {extent_of(s.loops.batch) * s.blocks * s.row_tiles,
          image::kTrapBytes + std::max(parked, kLanesBytes), f.features()};
}

}  // namespace rlx::backend::cpu
