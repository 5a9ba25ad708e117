#include "backend/llvm/emit_sort.h"

namespace rlx::backend {

using llvm::Value;

Sorter::Sorter(Function& f, const StageRefs& s, Value* keys, Value* indexes)
    : f_(f), s_(s), keys_(keys), indexes_(indexes) {
  const Sort& sort = s.stage->sort();
  key_type_ = value_type(f, s.stage->body[sort.key.index].type);
}

Value* Sorter::extent(LoopId loop, const Point& at) {
  return emit_dim(f_, at, find_loop(s_.stage->loops, loop)->extent);
}

void Sorter::emit(const Point& at, Regs& locals) {
  const Sort& sort = s_.stage->sort();
  Value* ranks = extent(sort.rank, at);
  emit_if(f_, f_.b.CreateICmpSGT(ranks, f_.i64(0)), [&] {
    fill_up(ranks);
    take_all(at, locals, ranks);
    take_apart(ranks);
  });
  emit_for(f_, f_.i64(0), ranks, 1, [&](Value* rank) {
    emit_results(f_, s_, at.with(sort.rank, rank), locals, {load(rank).index});
  });
}

// With what comes after any element: there are no more ranks than elements, so that none of it is left.
void Sorter::fill_up(Value* ranks) {
  const unsigned bits = key_type_->getIntegerBitWidth();
  const Item last{f_.b.getInt(llvm::APInt::getSignedMaxValue(bits)), f_.i64(INT64_MAX)};
  emit_for(f_, f_.i64(0), ranks, 1, [&](Value* i) { store(i, last); });
}

void Sorter::take_all(const Point& at, const Regs& locals, Value* ranks) {
  const Sort& sort = s_.stage->sort();
  emit_for(f_, f_.i64(0), extent(sort.over, at), 1, [&](Value* i) {
    const Regs nodes = emit_values(f_, s_, {sort.key}, at.with(sort.over, i), locals);
    const Item item{nodes[sort.key.index], i};
    emit_if(f_, is_later(load(f_.i64(0)), item), [&] { sift_down(item, ranks); });
  });
}

// The last one goes to the end, the heap is one smaller.
void Sorter::take_apart(Value* ranks) {
  emit_for(f_, f_.i64(1), ranks, 1, [&](Value* taken) {
    Value* end = f_.b.CreateSub(ranks, taken);
    const Item top = load(f_.i64(0)), item = load(end);
    store(end, top);
    sift_down(item, end);
  });
}

// Moves the later child up into the hole at the top, and so on down, until the item is later than both.
void Sorter::sift_down(const Item& item, Value* size) {
  const Regs hole = emit_repeat(f_, {f_.i64(0)}, [&](Regs& at) {
    Value* child = later_child(at[0], size);
    Value* is_there = f_.b.CreateICmpSLT(child, size);
    Value* place = f_.b.CreateSelect(is_there, child, at[0]);
    const Item below = load(place);
    Value* moves = f_.b.CreateAnd(is_there, is_later(below, item));
    emit_if(f_, moves, [&] { store(at[0], below); });
    at[0] = f_.b.CreateSelect(moves, child, at[0]);
    return moves;
  });
  store(hole[0], item);
}

// The left one where there is no right one.
Value* Sorter::later_child(Value* hole, Value* size) {
  Value* left = f_.b.CreateAdd(f_.b.CreateShl(hole, f_.i64(1)), f_.i64(1));
  Value* right = f_.b.CreateAdd(left, f_.i64(1));
  Value* has_both = f_.b.CreateICmpSLT(right, size);
  const Item a = load(f_.b.CreateSelect(has_both, left, f_.i64(0)));
  const Item b = load(f_.b.CreateSelect(has_both, right, f_.i64(0)));
  return f_.b.CreateSelect(f_.b.CreateAnd(has_both, is_later(b, a)), right, left);
}

Value* Sorter::is_later(const Item& a, const Item& b) {
  Value* ties =
      f_.b.CreateAnd(f_.b.CreateICmpEQ(a.key, b.key), f_.b.CreateICmpSGT(a.index, b.index));
  return f_.b.CreateOr(f_.b.CreateICmpSGT(a.key, b.key), ties);
}

Sorter::Item Sorter::load(Value* place) {
  auto* key = f_.b.CreateLoad(key_type_, f_.b.CreateGEP(key_type_, keys_, place));
  auto* index =
      f_.b.CreateLoad(f_.b.getInt64Ty(), f_.b.CreateGEP(f_.b.getInt64Ty(), indexes_, place));
  f_.tag(key, Function::kScratch);
  f_.tag(index, Function::kScratch);
  return {key, index};
}

void Sorter::store(Value* place, const Item& item) {
  f_.tag(f_.b.CreateStore(item.key, f_.b.CreateGEP(key_type_, keys_, place)), Function::kScratch);
  Value* index = f_.b.CreateGEP(f_.b.getInt64Ty(), indexes_, place);
  f_.tag(f_.b.CreateStore(item.index, index), Function::kScratch);
}

}  // namespace rlx::backend
