#include "backend/cpu/reduce.h"

namespace rlx::cpu {

using llvm::Value;

Reducer::Reducer(Function& f, const StageRefs& stage, bool vector, int width, const Dim& extent)
    : f_(f), stage_(stage), merges_(lane_merge(*stage.stage)), width_(width) {
  if (!merges_) return;
  auto steps = extent.constant();
  form_ = vector ? Form::kVector : steps && *steps <= kLanes ? Form::kValues : Form::kArray;
  if (form_ == Form::kVector) width_ = kLanes;
  if (form_ == Form::kValues) lanes_ = static_cast<size_t>(*steps);
  if (form_ == Form::kArray) lanes_ = 0;
}

Value* Reducer::initial(size_t acc) {
  return splat(f_, emit_scalar(f_, reduction().init[acc]), width_);
}

Regs Reducer::start() {
  Regs carried;
  for (size_t acc = 0; acc < accumulators(); ++acc) {
    Value* init = initial(acc);
    carried.insert(carried.end(), lanes_, init);
    if (form_ != Form::kArray) continue;
    arrays_.push_back(
        f_.at_entry([&] { return f_.b.CreateAlloca(init->getType(), f_.b.getInt32(kLanes)); }));
    for (int lane = 0; lane < kLanes; ++lane) f_.b.CreateStore(init, slot(acc, f_.i64(lane)));
  }
  return carried;
}

Value* Reducer::slot(size_t acc, Value* lane) {
  return f_.b.CreateInBoundsGEP(initial(acc)->getType(), arrays_[acc], lane);
}

void Reducer::step(const Point& at, Value* lane, const Regs& locals,
                   llvm::MutableArrayRef<Value*> carried) {
  Value* in_array = form_ == Form::kArray ? f_.b.CreateAnd(lane, f_.i64(kLanes - 1)) : nullptr;
  size_t value = 0;
  if (form_ == Form::kValues) value = llvm::cast<llvm::ConstantInt>(lane)->getZExtValue();
  Regs acc;
  for (size_t i = 0; i < accumulators(); ++i) {
    llvm::Type* type = initial(i)->getType();
    acc.push_back(in_array ? f_.b.CreateLoad(type, slot(i, in_array))
                           : carried[i * lanes_ + value]);
  }
  Regs nodes = emit_values(f_, stage_, reduction().combine, at, locals, acc);
  for (size_t i = 0; i < accumulators(); ++i) {
    Value* next = splat(f_, nodes[reduction().combine[i].index], width_);
    bool tail = form_ == Form::kVector && at.lanes.active;
    if (tail) next = f_.b.CreateSelect(at.lanes.active, next, acc[i]);
    if (in_array) f_.b.CreateStore(next, slot(i, in_array));
    if (!in_array) carried[i * lanes_ + value] = next;
  }
}

Regs Reducer::finish(llvm::ArrayRef<Value*> carried) {
  Regs results;
  for (size_t acc = 0; acc < accumulators(); ++acc) {
    if (form_ == Form::kSequence) results.push_back(carried[acc]);
    if (form_ == Form::kVector) results.push_back(merged_vector(acc, carried[acc]));
    if (form_ == Form::kSequence || form_ == Form::kVector) continue;
    Regs lanes(carried.begin() + static_cast<ptrdiff_t>(acc * lanes_),
               carried.begin() + static_cast<ptrdiff_t>((acc + 1) * lanes_));
    llvm::Type* type = initial(acc)->getType();
    for (int lane = 0; form_ == Form::kArray && lane < kLanes; ++lane) {
      lanes.push_back(f_.b.CreateLoad(type, slot(acc, f_.i64(lane))));
    }
    results.push_back(merged(acc, std::move(lanes)));
  }
  return results;
}

// Lanes that no element went to still take part: they can turn a sum of -0 into 0.
Value* Reducer::merged(size_t acc, Regs lanes) {
  DType type = reduction().acc[acc];
  lanes.resize(kLanes, initial(acc));
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) {
      lanes[i] = emit_fn(f_, (*merges_)[acc], type, type, {lanes[i], lanes[i + half]});
    }
  }
  return lanes[0];
}

Value* Reducer::merged_vector(size_t acc, Value* v) {
  DType type = reduction().acc[acc];
  for (int half = kLanes / 2; half > 0; half /= 2) {
    Vec<int> low, high;
    for (int i = 0; i < half; ++i) low.push_back(i);
    for (int i = 0; i < half; ++i) high.push_back(i + half);
    Value* x = f_.b.CreateShuffleVector(v, low);
    Value* y = f_.b.CreateShuffleVector(v, high);
    v = emit_fn(f_, (*merges_)[acc], type, type, {x, y});
  }
  return f_.b.CreateExtractElement(v, f_.i64(0));
}

}  // namespace rlx::cpu
