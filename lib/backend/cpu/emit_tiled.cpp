// Code for "product.dot", "contract.panel" and "conv.direct" (tile.h): one function, all loops of a register tile in it.
//
// A tile of work is a row tile times a block of columns that fits half of the second-level cache; the row
// tiles of one block follow each other, so a thread reads its block from memory once. The sums of a row
// tile and its vectors of columns stay in registers over the whole depth; then they go through scratch, in
// the first-level cache, to the epilogue, which runs row by row. Rows past the end repeat the last row: the
// same value is written twice, and no remainder code exists. A staged left operand stands in scratch behind
// the sums, row by row. emit_product.h has the sums of one product.
#include "backend/cpu/emit_product.h"

namespace rlx::backend::cpu {
namespace {

class TiledEmitter {
 public:
  TiledEmitter(Function& f, const X86& machine, const TileShape& shape)
      : f_(f), k_(f.kernel), s_(shape), columns_(shape.loops.columns) {
    const RefOptions options{.lane_loop = s_.loops.column.id, .lanes = columns_};
    for (const Stage& stage : k_.stages) refs_.push_back(resolve(k_, stage, options));
    for (size_t i = 0; i < s_.products.size(); ++i) {
      products_.emplace_back(f, machine, shape, i, refs_[s_.loops.products[i].stage]);
    }
    even_rows_ = rows_are_even();
  }

  void run() {
    emit_for(f_, f_.first, f_.last, 1, [&](llvm::Value* t) { work(t); });
  }

 private:
  llvm::Value* dim(const Dim& d) {
    return f_.at_entry([&] { return emit_dim(f_, {}, d); });
  }

  // Whether some left operand is read as it lies, and all of these have rows a constant step apart: a last tile
  // then begins earlier, so that all of its rows exist.
  bool rows_are_even() const {
    bool any = false;
    for (size_t i = 0; i < products_.size(); ++i) {
      if (s_.loops.products[i].staged) continue;
      if (!products_[i].row_step()) return false;
      any = true;
    }
    return any;
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
    if (even_rows_) {
      first_row_ = smaller(first_row_, b.CreateSub(dim(s_.rows), f_.i64(s_.tile.rows)));
    }
    for (ProductEmitter& p : products_) {
      p.begin_rows(batch_, row_tile, [&](llvm::Value* r) { return row_point(r); }, even_rows_);
    }
    llvm::Value* lo = b.CreateMul(block, f_.i64(s_.block));
    columns(lo, smaller(b.CreateAdd(lo, f_.i64(s_.block)), dim(s_.panels)));
  }

  llvm::Value* row(llvm::Value* r) {
    llvm::Value* linear = f_.b.CreateAdd(first_row_, r);
    return even_rows_ ? linear : smaller(linear, f_.b.CreateSub(dim(s_.rows), f_.i64(1)));
  }

  Point row_point(llvm::Value* r) { return spread(batch_, s_.loops.rows, row(r)); }

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
    for (ProductEmitter& product : products_) {
      product.park(product.sums(p, vectors, remaining));
    }
    emit_for(f_, f_.i64(0), f_.i64(s_.tile.rows), 1,
             [&](llvm::Value* r) { epilogue(r, p, vectors, remaining); });
  }

  void epilogue(llvm::Value* r, llvm::Value* p, int64_t vectors, llvm::Value* remaining) {
    const Point at = row_point(r);
    for (int64_t v = 0; v < vectors; ++v) {
      llvm::Value* index = f_.b.CreateAdd(f_.b.CreateMul(r, f_.i64(vectors)), f_.i64(v));
      llvm::Value* column = f_.b.CreateMul(f_.b.CreateAdd(p, f_.i64(v)), f_.i64(columns_));
      const LoopId loop = s_.loops.column.id;
      finish(with_some_lanes(f_, at, loop, columns_, column, remaining), index);
    }
  }

  // The stages at some lanes, whose sums are parked at `index`.
  void finish(const Point& lanes, llvm::Value* index) {
    Regs locals(k_.locals.size());
    auto product = products_.begin();
    for (const StageRefs& stage : refs_) {
      if (stage.stage->kind() == Kind::kMap) {
        emit_map(f_, stage, lanes, locals);
      } else {
        emit_results(f_, stage, lanes, locals, {(product++)->sum_at(index)});
      }
    }
  }

  Function& f_;
  const Kernel& k_;
  const TileShape& s_;
  int columns_;
  // Of all stages.
  Vec<StageRefs> refs_;
  Vec<ProductEmitter> products_;
  bool even_rows_ = false;
  // Of the tile being written.
  Point batch_;
  llvm::Value* first_row_ = nullptr;
};

}  // namespace

Work emit_tiled(const Job& job) {
  X86 const machine(job.target);
  Kernel k = tiled_form(job.planned.kernel);
  for (Stage& s : k.stages) expand_math(s);
  Function f(job.module, job.name, k, job.symbols, machine);
  const TileShape s = shape_of(k, job.planned.choice, job.target);
  TiledEmitter(f, machine, s).run();
  f.finish();
  return {extent_of(s.loops.batch) * s.blocks * s.row_tiles, s.scratch_bytes, f.features()};
}

}  // namespace rlx::backend::cpu
