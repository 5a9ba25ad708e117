#include "backend/cuda/staging.h"

#include <bit>

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

// Bytes of a chunk, and what one load of matrices takes of the side and of the depth.
constexpr int64_t kRunBytes = kRun * 2, kSixteen = 16;
// Lines that are read at once.
constexpr int64_t kTogether = 8;

}  // namespace

Staging::Staging(Function& f, const StageRefs& refs, Staged staged)
    : f_(f), refs_(refs), s_(std::move(staged)) {
  for (int64_t i = 0; i < chunks_of_thread(); ++i) {
    // Neighbouring threads have neighbouring runs.
    Value* number = f_.b.CreateAdd(s_.thread, f_.i64(i * s_.threads));
    const bool is_first = i == 0 || s_.threads % chunks_of_line() != 0;
    if (is_first) {
      lines_.push_back(f_.b.CreateUDiv(number, f_.i64(chunks_of_line())));
      chunks_.push_back(f_.b.CreateURem(number, f_.i64(chunks_of_line())));
    } else {
      lines_.push_back(f_.b.CreateAdd(lines_[0], f_.i64(i * s_.threads / chunks_of_line())));
      chunks_.push_back(chunks_[0]);
    }
  }
}

// ---- Where chunks are ---------------------------------------------------------------------------

// In bytes, from the beginning of the operand's part on; i32.
Value* Staging::place(Value* line, Value* chunk) const {
  const int64_t chunks = chunks_of_line();
  Value* moved = line;
  if (chunks < kTogether) {
    const auto shift = std::countr_zero(static_cast<uint64_t>(kTogether / chunks));
    moved = f_.b.CreateLShr(line, static_cast<uint64_t>(shift));
  }
  moved = f_.b.CreateAnd(moved, i32(std::min(chunks, kTogether) - 1));
  Value* in_line = f_.b.CreateMul(f_.b.CreateXor(chunk, moved), i32(kRunBytes));
  return f_.b.CreateAdd(f_.b.CreateMul(line, i32(chunks * kRunBytes)), in_line);
}

// Of this thread's chunk number i, in shared memory.
Value* Staging::place_of(int64_t i, Value* slot) const {
  llvm::Type* word = f_.b.getInt32Ty();
  Value* in_part = place(f_.b.CreateTrunc(line_of(i), word), f_.b.CreateTrunc(chunk_of(i), word));
  return f_.b.CreateAdd(f_.b.CreateAdd(in_part, slot), i32(s_.offset));
}

Value* Staging::line_of(int64_t i) const { return lines_[static_cast<size_t>(i)]; }
Value* Staging::chunk_of(int64_t i) const { return chunks_[static_cast<size_t>(i)]; }

// ---- Elements -----------------------------------------------------------------------------------

bool Staging::has_whole_edges() const {
  const std::optional<int64_t> side = points_of(s_.operand.side).constant();
  return side && *side % s_.edge == 0;
}

bool Staging::has_whole_stages() const {
  const std::optional<int64_t> depth = points_of(s_.depth).constant();
  return depth && *depth > 0 && *depth % kStageDepth == 0;
}

// Element number `element` of this thread's run number i.
Point Staging::at_chunk(Value* from, int64_t i, int64_t element) {
  const auto sure = [](bool is_whole) { return is_whole ? Exists::kSurely : Exists::kMaybe; };
  if (has_whole_stages()) {
    // Stages after the last one are not multiplied.
    Value* last = f_.b.CreateSub(count_of(f_, s_.depth), f_.i64(kStageDepth));
    from = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, from, last);
  }
  Value* line = f_.b.CreateAdd(along_side() ? from : s_.first, line_of(i));
  Value* start =
      f_.b.CreateAdd(along_side() ? s_.first : from, f_.b.CreateMul(chunk_of(i), f_.i64(kRun)));
  const Exists of_side = sure(has_whole_edges()), of_depth = sure(has_whole_stages());
  if (along_side()) {
    const Point at = at_existing(f_, s_.at, s_.depth, line, of_depth);
    return at_run(f_, at, s_.operand.side, start, element, of_side);
  }
  const Point at = at_existing(f_, s_.at, s_.operand.side, line, of_side);
  return at_run(f_, at, s_.depth, start, element, of_depth);
}

// Whether step `i` of the stage from `from` on is one of the operand's.
Value* Staging::is_step(Value* from, Value* i) {
  if (!has_whole_stages()) from = f_.b.CreateAdd(from, i);
  return f_.b.CreateICmpSLT(from, count_of(f_, s_.depth));
}

// Whether run number i is one of the operand's, or else stands for zeros.
Value* Staging::is_inside(Value* from, int64_t i) {
  Value* chunk = f_.b.CreateMul(chunk_of(i), f_.i64(kRun));
  if (!along_side()) return is_step(from, chunk);
  Value* inside = is_step(from, line_of(i));
  if (has_whole_edges()) return inside;
  Value* start = f_.b.CreateAdd(s_.first, chunk);
  return f_.b.CreateAnd(inside, f_.b.CreateICmpSLT(start, count_of(f_, s_.operand.side)));
}

void Staging::copy(Value* from, Value* memory, Value* slot) {
  const Ref& ref = refs_.reads[*s_.operand.copied];
  Value* buffer = f_.buffer(ref.tensor);
  for (int64_t i = 0; i < chunks_of_thread(); ++i) {
    const Point at = at_chunk(from, i, 0);
    Value* inside = is_inside(from, i);
    for (const Guard& g : ref.guards) {
      Value* index = emit_dim(f_, at, g.index);
      inside = f_.b.CreateAnd(inside, f_.b.CreateICmpULT(index, emit_dim(f_, at, g.extent)));
    }
    Value* there = f_.b.CreateGEP(f_.b.getInt16Ty(), buffer, emit_dim(f_, at, ref.address));
    // An address outside of the tensor may be a multiple of nothing.
    there = f_.b.CreateSelect(inside, there, buffer);
    copy_async(f_, f_.b.CreateGEP(f_.b.getInt8Ty(), memory, place_of(i, slot)), there, inside);
  }
}

Value* Staging::element(Value* from, int64_t i, int64_t e) {
  if (e >= s_.steps_of_run) return f_.b.getInt16(0);
  const Point at = at_chunk(from, i, e);
  const ExprId node = s_.operand.element;
  Value* value = emit_values(f_, refs_, {node}, at, {})[node.index];
  Value* step = along_side() ? line_of(i)
                             : f_.b.CreateAdd(f_.b.CreateMul(chunk_of(i), f_.i64(kRun)), f_.i64(e));
  Value* exists = is_step(from, step);
  return f_.b.CreateSelect(exists, value, llvm::Constant::getNullValue(value->getType()));
}

Regs Staging::compute(Value* from) {
  Regs words;
  auto* pair = llvm::FixedVectorType::get(f_.b.getInt16Ty(), 2);
  for (int64_t i = 0; i < chunks_of_thread(); ++i) {
    for (int64_t e = 0; e < kRun; e += 2) {
      Value* two = f_.b.CreateInsertElement(llvm::PoisonValue::get(pair), element(from, i, e),
                                            f_.b.getInt32(0));
      two = f_.b.CreateInsertElement(two, element(from, i, e + 1), f_.b.getInt32(1));
      words.push_back(f_.b.CreateBitCast(two, f_.b.getInt32Ty()));
    }
  }
  return words;
}

void Staging::store(const Regs& words, Value* memory, Value* slot) {
  constexpr int64_t kWords = kRun / 2;
  auto* type = llvm::FixedVectorType::get(f_.b.getInt32Ty(), kWords);
  for (int64_t i = 0; i < chunks_of_thread(); ++i) {
    Value* chunk = llvm::PoisonValue::get(type);
    for (int64_t w = 0; w < kWords; ++w) {
      chunk = f_.b.CreateInsertElement(chunk, words[static_cast<size_t>(i * kWords + w)], i32(w));
    }
    Value* to = f_.b.CreateGEP(f_.b.getInt8Ty(), memory, place_of(i, slot));
    f_.tag(f_.b.CreateAlignedStore(chunk, to, llvm::Align(kRunBytes)), Function::kScratch);
  }
}

// ---- Matrices -----------------------------------------------------------------------------------

// A left operand's four matrices are two of the side, then the same of the next eight steps; a right one's two of the
// steps, then the same of the next eight elements of the side.
void Staging::prepare(const Part& part, Value* lane) {
  sixteens_ = part.count / kSixteen;
  Value* row = f_.b.CreateAnd(lane, i32(kTogether - 1));
  Value* low = f_.b.CreateAnd(f_.b.CreateLShr(lane, 3), i32(1));
  Value* high = f_.b.CreateLShr(lane, 4);
  Value *of_side = s_.is_left ? low : high, *of_step = s_.is_left ? high : low;
  const auto eights = [&](Value* v) { return f_.b.CreateMul(v, i32(kTogether)); };
  if (along_side()) {
    Value* line = f_.b.CreateAdd(row, eights(of_step));
    line = f_.b.CreateAdd(line, f_.b.CreateMul(part.first_step, i32(kSixteen)));
    Value* chunk = f_.b.CreateAdd(f_.b.CreateUDiv(part.begin, i32(kRun)), of_side);
    for (int64_t i = 0; i < sixteens_; ++i) {
      places_.push_back(place(line, f_.b.CreateAdd(chunk, i32(2 * i))));
    }
  } else {
    Value* line = f_.b.CreateAdd(part.begin, f_.b.CreateAdd(row, eights(of_side)));
    for (int64_t step = 0; step < part.steps; ++step) {
      Value* chunk = f_.b.CreateMul(f_.b.CreateAdd(part.first_step, i32(step)), i32(2));
      places_.push_back(place(line, f_.b.CreateAdd(of_step, chunk)));
    }
  }
  for (Value*& p : places_) p = f_.b.CreateAdd(p, i32(s_.offset));
}

Vec<Regs> Staging::matrices(Value* memory, Value* slot, int64_t step) const {
  const int64_t line_bytes = chunks_of_line() * kRunBytes;
  Vec<Regs> loaded;
  for (int64_t i = 0; i < sixteens_; ++i) {
    Value* at = f_.b.CreateAdd(places_[static_cast<size_t>(along_side() ? i : step)], slot);
    at = f_.b.CreateGEP(f_.b.getInt8Ty(), memory, at);
    const int64_t lines = kSixteen * (along_side() ? step : i);
    at = f_.b.CreateGEP(f_.b.getInt8Ty(), at, i32(lines * line_bytes));
    loaded.push_back(load_matrices(f_, at, along_side()));
  }
  return loaded;
}

}  // namespace rlx::backend::cuda
