// Code for "product.dot", "contract.panel" and "conv.direct" (tile.h): one function, all loops of a register tile in it.
//
// A tile of work is a row tile times a block of columns that fits half of the second-level cache; the row
// tiles of one block follow each other, so a thread reads its block from memory once. The sums of a row
// tile and its vectors of columns stay in registers over the whole depth; then they go through scratch, in
// the first-level cache, to the epilogue, which runs row by row. Rows past the end repeat the last row: the
// same value is written twice, and no remainder code exists. A staged left operand stands in scratch behind
// the sums, row by row.
#include <llvm/IR/Constants.h>

#include "backend/cpu/machine.h"
#include "backend/cpu/tile_shape.h"
#include "backend/llvm/emit_access.h"
#include "image/image.h"

namespace rlx::backend::cpu {
namespace {

constexpr int64_t kUnroll = 4;

// One loop of the sum, with what a step adds to the addresses of the left operand and of each read of the
// right one.
struct Depth {
  Dim extent;
  Vec<Dim> steps;

  // Whether `inner` goes on where a step of this loop leads.
  bool continues(const Depth& inner) const {
    return std::ranges::equal(steps, inner.steps, [&](const Dim& outer, const Dim& step) {
      return outer == inner.extent * step;
    });
  }
};

class TiledEmitter {
 public:
  TiledEmitter(Function& f, const X86& machine, const TileShape& shape)
      : f_(f),
        machine_(machine),
        k_(f.kernel),
        s_(shape),
        acc_(shape.loops.acc),
        columns_(shape.loops.columns),
        range_(ranges_of(k_, k_.stages.data(), {})) {
    const RefOptions options{.lane_loop = s_.loops.column.id, .lanes = columns_};
    for (const Stage& stage : k_.stages) refs_.push_back(resolve(k_, stage, options));
    const RefOptions along_depth{.lane_loop = s_.loops.innermost(), .lanes = columns_};
    if (s_.loops.staged) staged_ = resolve(k_, k_.stages[0], along_depth);
    collect_depth();
    decide_rows();
  }

  void run() {
    emit_for(f_, f_.first, f_.last, 1, [&](llvm::Value* t) { work(t); });
  }

 private:
  // The left operand where it is not staged, and the i-th read of the right one.
  const Ref& left() const { return refs_[0].reads[s_.loops.left[0]]; }
  const Ref& right(size_t i) const { return refs_[0].reads[s_.loops.right[i]]; }

  llvm::Value* dim(const Dim& d) {
    return f_.at_entry([&] { return emit_dim(f_, {}, d); });
  }

  void collect_depth() {
    for (size_t level = 0; level < s_.steps.size(); ++level) {
      Depth d = depth_at(level);
      const bool joins = !depth_.empty() && depth_.back().continues(d);
      if (joins) {
        depth_.back() = {depth_.back().extent * d.extent, std::move(d.steps)};
      } else {
        depth_.push_back(std::move(d));
      }
    }
  }

  Depth depth_at(size_t level) const {
    const Loop& l = s_.steps[level];
    Depth d{l.extent, {s_.loops.staged ? staged_step(level) : step_along(left(), l.id)}};
    for (size_t i = 0; i < s_.loops.right.size(); ++i) {
      d.steps.push_back(step_along(right(i), l.id));
    }
    return d;
  }

  Dim step_along(const Ref& r, LoopId loop) const {
    RLX_CHECK(r.guards.empty(), "an operand of a product reads out of its bounds");
    std::optional<Dim> step = step_of(at_step(r.address, s_.loops), loop, range_);
    RLX_CHECK(step, "an operand of a product is not affine in its depth");
    return *step;
  }

  // Staged values of one step of a loop of the depth.
  Dim staged_step(size_t level) const {
    return extent_of({s_.steps.begin() + static_cast<ptrdiff_t>(level) + 1, s_.steps.end()});
  }

  // Whether the rows of a tile are always a constant step apart, so that one pointer serves all.
  void decide_rows() {
    if (s_.loops.staged) {
      row_step_ = s_.depth.constant();
      return;
    }
    Vec<Loop> loops;
    for (const Loop& l : s_.loops.rows) {
      if (!l.extent.is(1)) loops.push_back(l);
    }
    if (loops.empty()) {
      row_step_ = 0;
      return;
    }
    std::optional<Dim> inner = step_of(left().address, loops.back().id, range_);
    if (!inner || !inner->constant()) return;
    std::optional<int64_t> rows = s_.rows.constant(), length = loops.back().extent.constant();
    const bool whole = length && *length % s_.tile.rows == 0;
    const bool even = rows && *rows >= s_.tile.rows && nests(loops);
    if (whole || even) row_step_ = inner->constant();
  }

  bool nests(const Vec<Loop>& loops) const {
    for (size_t i = 0; i + 1 < loops.size(); ++i) {
      std::optional<Dim> outer = step_of(left().address, loops[i].id, range_),
                         inner = step_of(left().address, loops[i + 1].id, range_);
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
    if (rows_exist()) {
      first_row_ = smaller(first_row_, b.CreateSub(dim(s_.rows), f_.i64(s_.tile.rows)));
    }
    if (s_.loops.staged) stage_rows();
    point_at_rows();
    llvm::Value* lo = b.CreateMul(block, f_.i64(s_.block));
    columns(lo, smaller(b.CreateAdd(lo, f_.i64(s_.block)), dim(s_.panels)));
  }

  // Where the rows of a tile are a constant step apart in the left operand, a last tile begins earlier.
  bool rows_exist() const { return row_step_ && !s_.loops.staged; }

  llvm::Value* row(llvm::Value* r) {
    llvm::Value* linear = f_.b.CreateAdd(first_row_, r);
    return rows_exist() ? linear : smaller(linear, f_.b.CreateSub(dim(s_.rows), f_.i64(1)));
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
  llvm::Type* sums_type() { return vector_of(sum_type()); }

  void point_at_rows() {
    rows_.clear();
    const int64_t separate = row_step_ ? 1 : s_.tile.rows;
    for (int64_t r = 0; r < separate; ++r) {
      rows_.push_back(s_.loops.staged ? staged(f_.b.CreateMul(f_.i64(r), dim(s_.depth)))
                                      : pointer(left(), row_point(f_.i64(r))));
    }
  }

  // ---- The staged left operand ------------------------------------------------------------------

  llvm::Type* sum_type() { return value_type(f_, acc_); }

  // The place of what is staged for a step.
  llvm::Value* staged(llvm::Value* index) {
    llvm::Value* start = f_.b.CreateConstInBoundsGEP1_64(
        f_.b.getInt8Ty(), f_.scratch,
        static_cast<uint64_t>(image::kTrapBytes + s_.parked_bytes() + s_.zero_bytes()));
    return f_.b.CreateGEP(sum_type(), start, index);
  }

  // The place of what a row has less than is staged.
  llvm::Value* zero_of(llvm::Value* row) {
    llvm::Value* start = f_.b.CreateConstInBoundsGEP1_64(
        f_.b.getInt8Ty(), f_.scratch, static_cast<uint64_t>(image::kTrapBytes + s_.parked_bytes()));
    return f_.b.CreateGEP(sum_type(), start, row);
  }

  // What an operand's number is in its group.
  llvm::Type* grouped_type() {
    return f_.b.getIntNTy(static_cast<unsigned>(bits_of(acc_) / s_.loops.group));
  }
  bool is_grouped() const { return s_.loops.group > 1; }

  void stage_rows() {
    emit_for(f_, f_.i64(0), f_.i64(s_.tile.rows), 1, [&](llvm::Value* r) {
      const Point at = row_point(r);
      if (s_.loops.corrected()) stage_zero(r, at);
      stage_row(0, at, f_.b.CreateMul(r, dim(s_.depth)));
    });
  }

  // Values of a row from step `index` on, in the order of the sum. Lanes past the end of the innermost loop are
  // written over by what follows, but for those of its last group, which are 0.
  void stage_row(size_t level, const Point& at, llvm::Value* index) {
    const Loop& l = s_.loops.depth[level];
    if (level + 1 == s_.loops.depth.size()) return stage_vectors(l, at, index);
    emit_for(f_, f_.i64(0), dim(l.extent), 1, [&](llvm::Value* i) {
      llvm::Value* inside = f_.b.CreateMul(i, dim(staged_step(level)));
      stage_row(level + 1, at.with(l.id, i), f_.b.CreateAdd(index, inside));
    });
  }

  void stage_zero(llvm::Value* r, const Point& at) {
    llvm::Value* zero = f_.b.getInt32(static_cast<uint32_t>(s_.loops.bias));
    if (s_.loops.zero) {
      const Regs nodes = emit_values(f_, staged_, {*s_.loops.zero}, at, {});
      zero = f_.b.CreateAdd(zero, nodes[s_.loops.zero->index]);
    }
    f_.tag(f_.b.CreateAlignedStore(zero, zero_of(r), sum_align()), Function::kScratch);
  }

  void stage_vectors(const Loop& l, const Point& at, llvm::Value* index) {
    llvm::Value* row = staged(index);
    const Dim whole = floor_div(l.extent, columns_) * columns_;
    emit_for(f_, f_.i64(0), dim(whole), columns_,
             [&](llvm::Value* i) { stage_vector(with_lanes(f_, at, l.id, columns_, i), row, i); });
    llvm::Value* rest = dim(l.extent - whole);
    emit_if(f_, f_.b.CreateICmpSGT(rest, f_.i64(0)), [&] {
      llvm::Value* i = dim(whole);
      stage_vector(with_some_lanes(f_, at, l.id, columns_, i, rest), row, i);
    });
  }

  void stage_vector(const Point& at, llvm::Value* row, llvm::Value* i) {
    const ExprId a = s_.loops.staged_node;
    const Regs nodes = emit_values(f_, staged_, {a}, at, {});
    llvm::Value* values = splat(f_, nodes[a.index], columns_);
    if (is_grouped()) values = grouped(at, values);
    llvm::Type* type = values->getType()->getScalarType();
    const llvm::Align align(static_cast<uint64_t>(bits_of(acc_) / 8 / s_.loops.group));
    f_.tag(f_.b.CreateAlignedStore(values, f_.b.CreateGEP(type, row, i), align),
           Function::kScratch);
  }

  llvm::Value* grouped(const Point& at, llvm::Value* values) {
    values = f_.b.CreateAdd(values, llvm::ConstantInt::get(values->getType(), s_.loops.bias));
    if (at.lanes.active) {
      llvm::Value* zero = llvm::Constant::getNullValue(values->getType());
      values = f_.b.CreateSelect(at.lanes.active, values, zero);
    }
    return f_.b.CreateTrunc(values, vector_of(grouped_type()));
  }

  // ---- Columns ----------------------------------------------------------------------------------

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
    Vec<Regs> panels(static_cast<size_t>(vectors));
    for (int64_t v = 0; v < vectors; ++v) {
      Point at = batch_;
      at.loops[s_.loops.column.id] = f_.b.CreateMul(f_.b.CreateAdd(p, f_.i64(v)), f_.i64(columns_));
      for (size_t i = 0; i < s_.loops.right.size(); ++i) {
        panels[static_cast<size_t>(v)].push_back(pointer(right(i), at));
      }
    }
    const int64_t rows = s_.tile.rows + (s_.loops.corrected() ? 1 : 0);
    Regs sums(static_cast<size_t>(rows * vectors), llvm::Constant::getNullValue(sums_type()));
    sums = sum(0, Regs(1 + s_.loops.right.size(), f_.i64(0)), panels, sums);
    if (s_.loops.corrected()) correct(sums, static_cast<size_t>(vectors));
    park(sums);
    emit_for(f_, f_.i64(0), f_.i64(s_.tile.rows), 1,
             [&](llvm::Value* r) { epilogue(r, p, vectors); });
  }

  // `offsets` are those of Depth::steps.
  Regs sum(size_t level, const Regs& offsets, const Vec<Regs>& panels, const Regs& sums) {
    const Depth& d = depth_[level];
    if (level + 1 == depth_.size()) return innermost(d, offsets, panels, sums);
    return emit_for(f_, f_.i64(0), dim(d.extent), 1, sums,
                    [&](llvm::Value* i, const Regs& carried) {
                      return sum(level + 1, stepped(offsets, d, i), panels, carried);
                    });
  }

  Regs innermost(const Depth& d, const Regs& offsets, const Vec<Regs>& panels, const Regs& sums) {
    llvm::Value* extent = dim(d.extent);
    llvm::Value* even = dim(floor_div(d.extent, kUnroll) * kUnroll);
    auto steps = [&](llvm::Value* k, int64_t count, Regs carried) {
      const Regs first = stepped(offsets, d, k);
      for (int64_t u = 0; u < count; ++u) {
        Regs at = first;
        for (size_t i = at.size(); i-- > 0;) {
          at[i] = f_.b.CreateAdd(at[i], dim(d.steps[i] * u));
        }
        carried = step(at, panels, carried);
      }
      return carried;
    };
    const Regs out = emit_for(f_, f_.i64(0), even, kUnroll, sums,
                              [&](llvm::Value* k, const Regs& c) { return steps(k, kUnroll, c); });
    if (std::optional<int64_t> n = d.extent.constant()) return steps(even, *n % kUnroll, out);
    return emit_for(f_, even, extent, 1, out,
                    [&](llvm::Value* k, const Regs& c) { return steps(k, 1, c); });
  }

  // The offsets after so many steps of a loop.
  Regs stepped(Regs offsets, const Depth& d, llvm::Value* steps) {
    for (size_t i = offsets.size(); i-- > 0;) {
      offsets[i] = f_.b.CreateAdd(offsets[i], f_.b.CreateMul(steps, dim(d.steps[i])));
    }
    return offsets;
  }

  // One depth step: the vectors of the right operand once, then row by row, which is the order that keeps
  // all sums in registers.
  Regs step(const Regs& at, const Vec<Regs>& panels, Regs sums) {
    Regs right;
    for (const Regs& p : panels) right.push_back(right_factor(p, at));
    for (size_t r = 0; r < static_cast<size_t>(s_.tile.rows); ++r) {
      llvm::Value* x = splat(f_, left_factor(r, at[0]), columns_);
      for (size_t v = 0; v < right.size(); ++v) {
        llvm::Value*& acc = sums[r * right.size() + v];
        acc = is_grouped() ? dot(acc, x, right[v])
                           : emit_fn(f_, Fn::kFma, acc_, acc_, {x, right[v], acc});
      }
    }
    if (!s_.loops.corrected()) return sums;
    llvm::Constant* ones = llvm::ConstantInt::get(sums_type(), 0x01010101);
    for (size_t v = 0; v < right.size(); ++v) {
      llvm::Value*& acc = sums[sums.size() - right.size() + v];
      acc = dot(acc, ones, right[v]);
    }
    return sums;
  }

  // The last row, which is the right operand's sums, goes from the others as often as they have too much.
  void correct(Regs& sums, size_t vectors) {
    const size_t rows = sums.size() / vectors - 1;
    for (size_t r = 0; r < rows; ++r) {
      llvm::LoadInst* zero =
          f_.b.CreateAlignedLoad(sum_type(), zero_of(f_.i64(static_cast<int64_t>(r))), sum_align());
      f_.tag(zero, Function::kScratch);
      llvm::Value* times = splat(f_, zero, columns_);
      for (size_t v = 0; v < vectors; ++v) {
        llvm::Value* surplus = f_.b.CreateMul(times, sums[rows * vectors + v]);
        sums[r * vectors + v] = f_.b.CreateSub(sums[r * vectors + v], surplus);
      }
    }
    sums.resize(rows * vectors);
  }

  // x has the groups of the left operand in its lanes.
  llvm::Value* dot(llvm::Value* sums, llvm::Value* x, llvm::Value* right) {
    llvm::Value* left = f_.b.CreateBitCast(x, right->getType());
    if (s_.loops.right_type == DType::kU8) std::swap(left, right);
    return machine_.dot(f_, sums, left, right);
  }

  llvm::Value* left_factor(size_t r, llvm::Value* offset) {
    llvm::Value* p = f_.b.CreateGEP(sum_type(), rows_[row_step_ ? 0 : r], offset);
    if (row_step_) {
      p = f_.b.CreateGEP(sum_type(), p, f_.i64(*row_step_ * static_cast<int64_t>(r)));
    }
    llvm::LoadInst* x = f_.b.CreateAlignedLoad(sum_type(), p, sum_align());
    f_.tag(x, s_.loops.staged ? Function::kScratch : left().tensor);
    return x;
  }

  // The right operand's vector of columns whose reads are at p.
  llvm::Value* right_factor(const Regs& p, const Regs& at) {
    const Vec<uint32_t>& reads = s_.loops.right;
    auto load = [&](uint32_t read, const Regs&) {
      const auto i = static_cast<size_t>(std::ranges::find(reads, read) - reads.begin());
      return load_right(right(i), moved(right(i), p[i], at[i + 1]));
    };
    auto index = [&](const Dim& d) { return dim(d); };
    const ExprId b = operands(k_.stages[0])[1];
    const Regs nodes = emit_body(f_, k_.stages[0], {b}, {.load = load, .index = index});
    if (!is_grouped()) return nodes[b.index];
    llvm::Value* values = splat(f_, nodes[b.index], columns_ * s_.loops.group);
    return f_.b.CreateTrunc(values, groups_of(grouped_type()));
  }

  llvm::Value* load_right(const Ref& r, llvm::Value* p) {
    const bool packed = is_grouped() && uses_loop(r.address, s_.loops.innermost());
    llvm::Instruction* v = r.uniform() ? load_one(r, p)
                           : packed    ? load_groups(r, p)
                                       : load_columns(r, p);
    f_.tag(v, r.tensor);
    llvm::Value* value = r.dtype == DType::kBool ? f_.b.CreateIsNotNull(v) : v;
    return is_grouped() && !packed && !r.uniform() ? repeated(value) : value;
  }

  // Columns past the end lie in the panel's padding.
  llvm::Instruction* load_groups(const Ref& r, llvm::Value* p) {
    return f_.b.CreateAlignedLoad(groups_of(memory_type(f_, r.dtype)), p, align_of(r.dtype));
  }

  // Each column's value once for every member of its group.
  llvm::Value* repeated(llvm::Value* columns) {
    Vec<int> lanes;
    for (int i = 0; i < columns_ * s_.loops.group; ++i) lanes.push_back(i / s_.loops.group);
    return f_.b.CreateShuffleVector(columns, lanes);
  }

  llvm::Type* groups_of(llvm::Type* element) {
    return llvm::FixedVectorType::get(element, static_cast<unsigned>(columns_ * s_.loops.group));
  }

  llvm::Instruction* load_one(const Ref& r, llvm::Value* p) {
    return f_.b.CreateAlignedLoad(memory_type(f_, r.dtype), p, align_of(r.dtype));
  }

  // Columns past the end may be read where they lie in padding.
  llvm::Instruction* load_columns(const Ref& r, llvm::Value* p) {
    llvm::Type* vector = vector_of(memory_type(f_, r.dtype));
    const llvm::Align align = align_of(r.dtype);
    if (!remaining_ || r.padding) return f_.b.CreateAlignedLoad(vector, p, align);
    if (size_of(r.dtype) < 4 && !f_.machine.masks_narrow_elements()) return gather(r, p, vector);
    llvm::Value* mask = f_.b.CreateIntrinsic(llvm::Intrinsic::get_active_lane_mask,
                                             {vector_of(f_.b.getInt1Ty()), f_.b.getInt64Ty()},
                                             {f_.i64(0), remaining_});
    return f_.b.CreateMaskedLoad(vector, p, align, mask, llvm::Constant::getNullValue(vector));
  }

  // Without masks for narrow elements: the last column that there is, in place of those past the end.
  llvm::Instruction* gather(const Ref& r, llvm::Value* p, llvm::Type* vector) {
    llvm::Value* last = f_.b.CreateSub(remaining_, f_.i64(1));
    llvm::Value* lanes = f_.b.CreateStepVector(vector_of(f_.b.getInt64Ty()));
    llvm::Value* columns = smaller(lanes, splat(f_, last, columns_));
    return f_.b.CreateMaskedGather(vector, moved(r, p, columns), align_of(r.dtype));
  }

  static llvm::Align align_of(DType t) { return llvm::Align(static_cast<uint64_t>(size_of(t))); }
  llvm::Align sum_align() const { return align_of(acc_); }

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
  const X86& machine_;
  const Kernel& k_;
  const TileShape& s_;
  DType acc_;
  int columns_;
  RangeOf range_;
  Vec<StageRefs> refs_;
  // The first stage with its lanes along the depth.
  StageRefs staged_;
  Vec<Depth> depth_;
  // Elements between the rows of a tile in the left operand, where that is a constant.
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
  const TileShape s = shape_of(k, job.planned.choice, job.target);
  TiledEmitter(f, machine, s).run();
  f.finish();
  return {extent_of(s.loops.batch) * s.blocks * s.row_tiles,
          image::kTrapBytes + s.parked_bytes() + s.zero_bytes() + s.staged_bytes(), f.features()};
}

}  // namespace rlx::backend::cpu
