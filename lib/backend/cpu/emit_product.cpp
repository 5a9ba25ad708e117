#include "backend/cpu/emit_product.h"

#include <llvm/IR/Constants.h>

#include <algorithm>

#include "support/integer.h"

namespace rlx::backend::cpu {
namespace {

llvm::Align align_of(DType t) { return llvm::Align(static_cast<uint64_t>(size_of(t))); }

}  // namespace

bool ProductEmitter::Depth::continues(const Depth& inner) const {
  return std::ranges::equal(steps, inner.steps, [&](const Dim& outer, const Dim& step) {
    return outer == inner.extent * step;
  });
}

ProductEmitter::ProductEmitter(Function& f, const X86& machine, const TileShape& shape,
                               size_t number, const StageRefs& refs)
    : f_(f),
      machine_(machine),
      s_(shape),
      p_(shape.loops.products[number]),
      shape_(shape.products[number]),
      stage_(f.kernel.stages[p_.stage]),
      columns_(shape.loops.columns),
      range_(ranges_of(f.kernel, &stage_, {})),
      refs_(refs) {
  const RefOptions along_depth{.lane_loop = p_.innermost(), .lanes = columns_};
  if (p_.staged) staged_ = resolve(f.kernel, stage_, along_depth);
  collect_depth();
  decide_rows();
}

void ProductEmitter::begin_rows(const Point& batch, llvm::Value* row_tile, const RowAt& at,
                                bool even) {
  batch_ = batch;
  row_tile_ = row_tile;
  remaining_ = nullptr;
  step_ = p_.staged ? shape_.depth.constant() : even ? row_step_ : std::nullopt;
  row_at_ = at;
  if (p_.staged) stage_rows(at);
  if (!moves_with_columns()) point_at_rows(f_.i64(0));
}

void ProductEmitter::point_at_rows(llvm::Value* column) {
  rows_.clear();
  const int64_t separate = step_ ? 1 : s_.tile.rows;
  for (int64_t r = 0; r < separate; ++r) {
    const Point at = row_at_(f_.i64(r)).with(s_.loops.column.id, column);
    rows_.push_back(p_.staged ? staged(f_.b.CreateMul(f_.i64(r), dim(shape_.depth)))
                              : pointer(left(), at));
  }
}

Regs ProductEmitter::sums(llvm::Value* p, int64_t vectors, llvm::Value* remaining) {
  remaining_ = remaining;
  if (moves_with_columns()) point_at_rows(f_.b.CreateMul(p, f_.i64(columns_)));
  Vec<Regs> panels(static_cast<size_t>(vectors));
  for (int64_t v = 0; v < vectors; ++v) {
    llvm::Value* panel = f_.b.CreateAdd(p, f_.i64(v));
    const Point at = batch_.with(s_.loops.column.id, f_.b.CreateMul(panel, f_.i64(columns_)));
    for (size_t i = 0; i < p_.right.size(); ++i) {
      panels[static_cast<size_t>(v)].push_back(pointer(right(i), at));
    }
  }
  if (shape_.ahead != 0) point_ahead(p, vectors);
  const int64_t rows = s_.tile.rows + (p_.corrected() ? 1 : 0);
  Regs sums(static_cast<size_t>(rows * vectors), llvm::Constant::getNullValue(sums_type()));
  sums = sum(0, Regs(1 + p_.right.size(), f_.i64(0)), panels, sums);
  if (p_.corrected()) correct(sums, static_cast<size_t>(vectors));
  return sums;
}

// Where this row tile's part begins of what follows the tile's panels by a block; the last block has itself at hand.
void ProductEmitter::point_ahead(llvm::Value* p, int64_t vectors) {
  llvm::Value* next = f_.b.CreateAdd(p, f_.i64(s_.block));
  llvm::Value* is_there = f_.b.CreateICmpSLT(next, dim(s_.panels));
  llvm::Value* column = f_.b.CreateMul(f_.b.CreateSelect(is_there, next, p), f_.i64(columns_));
  const int64_t step = size_of(right(0).dtype) * columns_ * p_.group;
  const int64_t lines =
      ceil_of(vectors * step * *shape_.depth.constant(), kLineBytes * *s_.row_tiles.constant());
  ahead_ =
      f_.b.CreateGEP(f_.b.getInt8Ty(), pointer(right(0), batch_.with(s_.loops.column.id, column)),
                     f_.b.CreateMul(row_tile_, f_.i64(lines * kLineBytes)));
}

// At each turn of the sum's loop its next lines, into the second cache. Past the end, of the row tile's part or of all, is
// no harm.
void ProductEmitter::look_ahead(llvm::Value* offset) {
  llvm::Value* turn = f_.b.CreateUDiv(offset, f_.i64(kUnroll * columns_ * p_.group));
  llvm::Value* first = f_.b.CreateMul(turn, f_.i64(kLineBytes * shape_.ahead));
  constexpr int kRead = 0, kSecondCache = 2, kData = 1;
  for (int64_t i = 0; i < shape_.ahead; ++i) {
    llvm::Value* line =
        f_.b.CreateGEP(f_.b.getInt8Ty(), ahead_, f_.b.CreateAdd(first, f_.i64(kLineBytes * i)));
    f_.b.CreateIntrinsic(
        llvm::Intrinsic::prefetch, {f_.b.getPtrTy()},
        {line, f_.b.getInt32(kRead), f_.b.getInt32(kSecondCache), f_.b.getInt32(kData)});
  }
}

llvm::Value* ProductEmitter::parked(llvm::Value* index) {
  return f_.b.CreateGEP(f_.b.getInt8Ty(), scratch_at(shape_.parked),
                        f_.b.CreateMul(index, f_.i64(kVectorBytes)));
}

void ProductEmitter::park(const Regs& sums) {
  for (size_t i = 0; i < sums.size(); ++i) {
    llvm::Value* place = parked(f_.i64(static_cast<int64_t>(i)));
    f_.tag(f_.b.CreateAlignedStore(sums[i], place, llvm::Align(64)), Function::kScratch);
  }
}

llvm::Value* ProductEmitter::sum_at(llvm::Value* index) {
  llvm::LoadInst* sum = f_.b.CreateAlignedLoad(sums_type(), parked(index), llvm::Align(64));
  f_.tag(sum, Function::kScratch);
  return sum;
}

llvm::Align ProductEmitter::sum_align() const { return align_of(s_.loops.acc); }

// Of a run, what its tile says.
llvm::Value* ProductEmitter::dim(const Dim& d) {
  if (d.has_loops()) return emit_dim(f_, batch_, d);
  return f_.at_entry([&] { return emit_dim(f_, {}, d); });
}

void ProductEmitter::collect_depth() {
  for (size_t level = 0; level < shape_.steps.size(); ++level) {
    Depth d = depth_at(level);
    const bool joins = !depth_.empty() && depth_.back().continues(d);
    if (joins) {
      depth_.back() = {depth_.back().extent * d.extent, std::move(d.steps)};
    } else {
      depth_.push_back(std::move(d));
    }
  }
}

ProductEmitter::Depth ProductEmitter::depth_at(size_t level) const {
  const Loop& l = shape_.steps[level];
  Depth d{l.extent, {p_.staged ? staged_step(level) : step_along(left(), l.id)}};
  for (size_t i = 0; i < p_.right.size(); ++i) {
    d.steps.push_back(in_memory(right(i), step_along(right(i), l.id)));
  }
  return d;
}

Dim ProductEmitter::step_along(const Ref& r, LoopId loop) const {
  RLX_CHECK(r.guards.empty(), "an operand of a product reads out of its bounds");
  std::optional<Dim> step = step_of(at_step(r.address, p_), loop, range_);
  RLX_CHECK(step, "an operand of a product is not affine in its depth");
  return *step;
}

// How far apart elements are in memory: in bytes where they share these.
Dim ProductEmitter::in_memory(const Ref& r, const Dim& elements) {
  return is_sub_byte(r.dtype) ? floor_div(elements, 8 / bits_of(r.dtype)) : elements;
}

// Staged values of one step of a loop of the depth.
Dim ProductEmitter::staged_step(size_t level) const {
  return extent_of({shape_.steps.begin() + static_cast<ptrdiff_t>(level) + 1, shape_.steps.end()});
}

void ProductEmitter::decide_rows() {
  if (p_.staged) return;
  Vec<Loop> loops;
  for (const Loop& l : s_.loops.rows) {
    if (!l.extent.is(1)) loops.push_back(l);
  }
  if (loops.empty()) {
    if (s_.tile.rows == 1) row_step_ = 0;
    return;
  }
  std::optional<Dim> inner = step_of(left().address, loops.back().id, range_);
  if (!inner || !inner->constant()) return;
  std::optional<int64_t> rows = s_.rows.constant(), length = loops.back().extent.constant();
  const bool whole = length && *length % s_.tile.rows == 0;
  const bool even = rows && *rows >= s_.tile.rows && nests(loops);
  if (whole || even) row_step_ = inner->constant();
}

bool ProductEmitter::nests(const Vec<Loop>& loops) const {
  for (size_t i = 0; i + 1 < loops.size(); ++i) {
    std::optional<Dim> outer = step_of(left().address, loops[i].id, range_),
                       inner = step_of(left().address, loops[i + 1].id, range_);
    if (!outer || !inner || *outer != loops[i + 1].extent * *inner) return false;
  }
  return true;
}

// Depth loops at their start, where the operands' pointers are taken.
Point ProductEmitter::at_depth_start(Point at) {
  for (const Loop& l : p_.depth) at.loops[l.id] = f_.i64(0);
  at.loops[p_.depth[0].id] = dim(shape_.first);
  return at;
}

llvm::Value* ProductEmitter::pointer(const Ref& r, const Point& at) {
  llvm::Value* offset = emit_dim(f_, at_depth_start(at), in_memory(r, r.address));
  return moved(r, f_.buffer(r.tensor), offset);
}

// p moved by so many elements of r, or bytes where it is of less (in_memory).
llvm::Value* ProductEmitter::moved(const Ref& r, llvm::Value* p, llvm::Value* offset) {
  return f_.b.CreateGEP(memory_type(f_, r.dtype), p, offset);
}

llvm::Value* ProductEmitter::scratch_at(const Dim& offset) {
  return f_.b.CreateGEP(f_.b.getInt8Ty(), f_.scratch, dim(offset));
}

// The place of what is staged for a step.
llvm::Value* ProductEmitter::staged(llvm::Value* index) {
  return f_.b.CreateGEP(sum_type(), scratch_at(shape_.staged), index);
}

// The place of what a row has less than is staged.
llvm::Value* ProductEmitter::zero_of(llvm::Value* row) {
  return f_.b.CreateGEP(sum_type(), scratch_at(shape_.zeros), row);
}

void ProductEmitter::stage_rows(const RowAt& row_at) {
  emit_for(f_, f_.i64(0), f_.i64(s_.tile.rows), 1, [&](llvm::Value* r) {
    const Point at = row_at(r);
    if (p_.corrected()) stage_zero(r, at);
    stage_row(0, at, f_.b.CreateMul(r, dim(shape_.depth)));
  });
}

// Values of a row from step `index` on, in the order of the sum. Lanes past the end of the innermost loop are
// written over by what follows, but for those of its last group, which are 0.
void ProductEmitter::stage_row(size_t level, const Point& at, llvm::Value* index) {
  const Loop& l = p_.depth[level];
  if (level + 1 == p_.depth.size()) return stage_vectors(l, at, index);
  emit_for(f_, f_.i64(0), dim(l.extent), 1, [&](llvm::Value* i) {
    llvm::Value* inside = f_.b.CreateMul(i, dim(staged_step(level)));
    stage_row(level + 1, at.with(l.id, i), f_.b.CreateAdd(index, inside));
  });
}

void ProductEmitter::stage_zero(llvm::Value* r, const Point& at) {
  llvm::Value* zero = f_.b.getInt32(static_cast<uint32_t>(p_.bias));
  if (p_.zero) {
    const Regs nodes = emit_values(f_, staged_, {*p_.zero}, at, {});
    zero = f_.b.CreateAdd(zero, nodes[p_.zero->index]);
  }
  f_.tag(f_.b.CreateAlignedStore(zero, zero_of(r), sum_align()), Function::kScratch);
}

void ProductEmitter::stage_vectors(const Loop& l, const Point& at, llvm::Value* index) {
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

void ProductEmitter::stage_vector(const Point& at, llvm::Value* row, llvm::Value* i) {
  const ExprId a = p_.staged_node;
  const Regs nodes = emit_values(f_, staged_, {a}, at, {});
  llvm::Value* values = splat(f_, nodes[a.index], columns_);
  if (is_grouped()) values = grouped(at, values);
  llvm::Type* type = values->getType()->getScalarType();
  const llvm::Align align(static_cast<uint64_t>(bits_of(s_.loops.acc) / 8 / p_.group));
  f_.tag(f_.b.CreateAlignedStore(values, f_.b.CreateGEP(type, row, i), align), Function::kScratch);
}

llvm::Value* ProductEmitter::grouped(const Point& at, llvm::Value* values) {
  if (p_.bias != 0) {
    values = f_.b.CreateAdd(values, llvm::ConstantInt::get(values->getType(), p_.bias));
  }
  if (at.lanes.active) {
    llvm::Value* zero = llvm::Constant::getNullValue(values->getType());
    values = f_.b.CreateSelect(at.lanes.active, values, zero);
  }
  return f_.b.CreateTrunc(values, vector_of(grouped_type()));
}

// `offsets` are those of Depth::steps.
Regs ProductEmitter::sum(size_t level, const Regs& offsets, const Vec<Regs>& panels,
                         const Regs& sums) {
  const Depth& d = depth_[level];
  if (level + 1 == depth_.size()) return innermost(d, offsets, panels, sums);
  return emit_for(f_, f_.i64(0), dim(d.extent), 1, sums, [&](llvm::Value* i, const Regs& carried) {
    return sum(level + 1, stepped(offsets, d, i), panels, carried);
  });
}

Regs ProductEmitter::innermost(const Depth& d, const Regs& offsets, const Vec<Regs>& panels,
                               const Regs& sums) {
  llvm::Value* extent = dim(d.extent);
  llvm::Value* even = dim(floor_div(d.extent, kUnroll) * kUnroll);
  auto steps = [&](llvm::Value* k, int64_t count, Regs carried) {
    const Regs first = stepped(offsets, d, k);
    if (shape_.ahead != 0 && count == kUnroll) look_ahead(first[1]);
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
Regs ProductEmitter::stepped(Regs offsets, const Depth& d, llvm::Value* steps) {
  for (size_t i = offsets.size(); i-- > 0;) {
    offsets[i] = f_.b.CreateAdd(offsets[i], f_.b.CreateMul(steps, dim(d.steps[i])));
  }
  return offsets;
}

// One depth step: the vectors of the right operand once, then row by row, which is the order that keeps
// all sums in registers.
Regs ProductEmitter::step(const Regs& at, const Vec<Regs>& panels, Regs sums) {
  Regs right;
  for (const Regs& p : panels) right.push_back(right_factor(p, at));
  for (size_t r = 0; r < static_cast<size_t>(s_.tile.rows); ++r) {
    llvm::Value* x = left_factor(r, at[0]);
    for (size_t v = 0; v < right.size(); ++v) {
      llvm::Value*& acc = sums[r * right.size() + v];
      acc = is_grouped() ? dot(acc, x, right[v])
                         : emit_fn(f_, Fn::kFma, s_.loops.acc, s_.loops.acc, {x, right[v], acc});
    }
  }
  if (!p_.corrected()) return sums;
  llvm::Constant* ones = llvm::ConstantInt::get(sums_type(), 0x01010101);
  for (size_t v = 0; v < right.size(); ++v) {
    llvm::Value*& acc = sums[sums.size() - right.size() + v];
    acc = dot(acc, ones, right[v]);
  }
  return sums;
}

// The last row, which is the right operand's sums, goes from the others as often as they have too much.
void ProductEmitter::correct(Regs& sums, size_t vectors) {
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
llvm::Value* ProductEmitter::dot(llvm::Value* sums, llvm::Value* x, llvm::Value* right) {
  llvm::Value* left = f_.b.CreateBitCast(x, right->getType());
  if (p_.right_type == DType::kU8) std::swap(left, right);
  return machine_.dot(f_, sums, left, right);
}

llvm::Value* ProductEmitter::left_factor(size_t r, llvm::Value* offset) {
  llvm::Value* p = f_.b.CreateGEP(sum_type(), rows_[step_ ? 0 : r], offset);
  if (step_) {
    p = f_.b.CreateGEP(sum_type(), p, f_.i64(*step_ * static_cast<int64_t>(r)));
  }
  if (!p_.lanes.empty()) return left_lanes(p);
  llvm::LoadInst* x = f_.b.CreateAlignedLoad(sum_type(), p, sum_align());
  f_.tag(x, p_.staged ? Function::kScratch : left().tensor);
  return splat(f_, x, columns_);
}

// Those of a vector's columns, up to the last of them that there is.
llvm::Value* ProductEmitter::left_lanes(llvm::Value* first) {
  const int count = std::ranges::max(p_.lanes) + 1;
  llvm::Type* vector = sums_type();
  llvm::Instruction* x = nullptr;
  if (count == columns_) {
    x = f_.b.CreateAlignedLoad(vector, first, sum_align());
  } else {
    Vec<llvm::Constant*> mask;
    for (int lane = 0; lane < columns_; ++lane) mask.push_back(f_.b.getInt1(lane < count));
    x = f_.b.CreateMaskedLoad(vector, first, sum_align(), llvm::ConstantVector::get(mask),
                              llvm::Constant::getNullValue(vector));
  }
  f_.tag(x, left().tensor);
  return f_.b.CreateShuffleVector(x, p_.lanes);
}

// The right operand's vector of columns whose reads are at p.
llvm::Value* ProductEmitter::right_factor(const Regs& p, const Regs& at) {
  const Vec<uint32_t>& reads = p_.right;
  auto load = [&](uint32_t read, const Regs&) {
    const auto i = static_cast<size_t>(std::ranges::find(reads, read) - reads.begin());
    return load_right(right(i), moved(right(i), p[i], at[i + 1]));
  };
  auto index = [&](const Dim& d) { return dim(d); };
  ExprId b = operands(stage_)[1];
  // Its bits.
  if (p_.right_type == DType::kBF16) b = stage_.body[b.index].args[0];
  const Regs nodes = emit_body(f_, stage_, {b}, {.load = load, .index = index});
  if (!is_grouped()) return nodes[b.index];
  llvm::Value* values = splat(f_, nodes[b.index], columns_ * p_.group);
  return f_.b.CreateTrunc(values, groups_of(grouped_type()));
}

llvm::Value* ProductEmitter::load_right(const Ref& r, llvm::Value* p) {
  if (is_sub_byte(r.dtype)) return load_halves(r, p);
  const bool packed = is_grouped() && uses_loop(r.address, p_.innermost());
  llvm::Instruction* v = r.uniform() ? load_one(r, p)
                         : packed    ? load_groups(r, p)
                                     : load_columns(r, p);
  f_.tag(v, r.tensor);
  llvm::Value* value = r.dtype == DType::kBool ? f_.b.CreateIsNotNull(v) : v;
  return is_grouped() && !packed && !r.uniform() ? repeated(value) : value;
}

// Columns of 4 bits.
llvm::Value* ProductEmitter::load_halves(const Ref& r, llvm::Value* p) {
  llvm::Type* packed = f_.b.getIntNTy(static_cast<unsigned>(columns_ * bits_of(r.dtype)));
  llvm::LoadInst* columns = f_.b.CreateAlignedLoad(packed, p, llvm::Align(4));
  f_.tag(columns, r.tensor);
  llvm::Value* high = machine_.in_high_bits(f_, columns, columns_);
  llvm::Value* numbers = is_signed(r.dtype) ? f_.b.CreateAShr(high, 28) : f_.b.CreateLShr(high, 28);
  return f_.b.CreateTrunc(numbers, vector_of(value_type(f_, r.dtype)));
}

// Columns past the end lie in the panel's padding.
llvm::Instruction* ProductEmitter::load_groups(const Ref& r, llvm::Value* p) {
  return f_.b.CreateAlignedLoad(groups_of(memory_type(f_, r.dtype)), p, align_of(r.dtype));
}

llvm::Instruction* ProductEmitter::load_one(const Ref& r, llvm::Value* p) {
  return f_.b.CreateAlignedLoad(memory_type(f_, r.dtype), p, align_of(r.dtype));
}

// Columns past the end may be read where they lie in padding.
llvm::Instruction* ProductEmitter::load_columns(const Ref& r, llvm::Value* p) {
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
llvm::Instruction* ProductEmitter::gather(const Ref& r, llvm::Value* p, llvm::Type* vector) {
  llvm::Value* last = f_.b.CreateSub(remaining_, f_.i64(1));
  llvm::Value* lanes = f_.b.CreateStepVector(vector_of(f_.b.getInt64Ty()));
  llvm::Value* columns =
      f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, lanes, splat(f_, last, columns_));
  return f_.b.CreateMaskedGather(vector, moved(r, p, columns), align_of(r.dtype));
}

// Each column's value once for every member of its group.
llvm::Value* ProductEmitter::repeated(llvm::Value* columns) {
  Vec<int> lanes;
  for (int i = 0; i < columns_ * p_.group; ++i) lanes.push_back(i / p_.group);
  return f_.b.CreateShuffleVector(columns, lanes);
}

// What an operand's number is in its group.
llvm::Type* ProductEmitter::grouped_type() {
  return f_.b.getIntNTy(static_cast<unsigned>(bits_of(s_.loops.acc) / p_.group));
}

llvm::Type* ProductEmitter::groups_of(llvm::Type* element) {
  return llvm::FixedVectorType::get(element, static_cast<unsigned>(columns_ * p_.group));
}

llvm::Type* ProductEmitter::vector_of(llvm::Type* element) {
  return llvm::FixedVectorType::get(element, static_cast<unsigned>(columns_));
}

}  // namespace rlx::backend::cpu
