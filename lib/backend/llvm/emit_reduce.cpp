#include "backend/llvm/emit_reduce.h"

#include <algorithm>

#include <llvm/IR/Constants.h>

namespace rlx::backend {

using llvm::Value;

namespace {

// Written out step by step up to so many.
constexpr int64_t kMostValues = 16;

}  // namespace

Reducer::Reducer(Function& f, const StageRefs& stage, const Group& group, int width,
                 const Dim& extent)
    : f_(f), stage_(stage), merges_(merges_of(*stage.stage)), width_(width) {
  if (reduction().order.inner == Order::Inner::kSequence) return;
  form_ = form_for(group, extent);
  if (form_ == Form::kVector) find_extrema();
  if (form_ == Form::kVector) lanes_ = static_cast<size_t>(kReductionLanes / width);
  if (form_ == Form::kValues) lanes_ = static_cast<size_t>(*extent.constant());
  if (form_ == Form::kArray) lanes_ = 0;
}

Reducer::Form Reducer::form_for(const Group& group, const Dim& extent) const {
  if (group.vector) return Form::kVector;
  if (group.warp) return Form::kThreads;
  const bool in_runs = reduction().order.is_cut() && reduction().over.size() == 1;
  auto steps = extent.constant();
  return steps && *steps <= kMostValues && !in_runs ? Form::kValues : Form::kArray;
}

void Reducer::find_extrema() {
  const Body& body = stage_.stage->body;
  for (size_t acc = 0; acc < accumulators(); ++acc) {
    const Expr& next = body[reduction().combine[acc].index];
    const bool max = next.fn == Fn::kMax;
    if (!is_float(next.type) || (!max && next.fn != Fn::kMin)) continue;
    const bool x_first = body[next.args[0].index].fn != Fn::kAcc;
    extrema_.push_back({acc, max, next.args[x_first ? 0 : 1], x_first});
  }
}

const Reducer::Extremum* Reducer::extremum_of(size_t acc) const {
  for (const Extremum& e : extrema_) {
    if (e.acc == acc) return &e;
  }
  return nullptr;
}

Value* Reducer::initial(size_t acc) {
  return splat(f_, emit_scalar(f_, reduction().init[acc]), width_);
}

Value* Reducer::slot(size_t acc, Value* lane) {
  return f_.b.CreateInBoundsGEP(initial(acc)->getType(), arrays_[acc], lane);
}

Regs Reducer::start() {
  Regs carried;
  for (size_t acc = 0; acc < accumulators(); ++acc) {
    Value* init = initial(acc);
    carried.insert(carried.end(), lanes_, init);
    if (form_ != Form::kArray) continue;
    arrays_.push_back(f_.at_entry(
        [&] { return f_.b.CreateAlloca(init->getType(), f_.b.getInt32(kReductionLanes)); }));
    for (int64_t lane = 0; lane < kReductionLanes; ++lane) {
      f_.b.CreateStore(init, slot(acc, f_.i64(lane)));
    }
  }
  Value* none = splat(f_, f_.b.getInt32(0), width_);
  carried.insert(carried.end(), extrema_.size(), none);
  return carried;
}

// ---- Steps ------------------------------------------------------------------------------------

void Reducer::step(const Point& at, Value* lane, const Regs& locals,
                   llvm::MutableArrayRef<Value*> carried) {
  Value* in_array =
      form_ == Form::kArray ? f_.b.CreateAnd(lane, f_.i64(kReductionLanes - 1)) : nullptr;
  size_t own = 0;
  if (form_ == Form::kValues || form_ == Form::kVector) {
    own = llvm::cast<llvm::ConstantInt>(lane)->getZExtValue();
  }
  Regs acc;
  Vec<ExprId> roots;
  for (size_t i = 0; i < accumulators(); ++i) {
    llvm::Type* type = initial(i)->getType();
    acc.push_back(in_array ? f_.b.CreateLoad(type, slot(i, in_array)) : carried[i * lanes_ + own]);
    const Extremum* e = extremum_of(i);
    roots.push_back(e ? e->x : reduction().combine[i]);
  }
  Regs nodes = emit_values(f_, stage_, roots, at, locals, acc);
  for (size_t i = 0; i < accumulators(); ++i) {
    Value* next = splat(f_, nodes[roots[i].index], width_);
    if (const Extremum* e = extremum_of(i)) {
      note_nan(at, next,
               carried[accumulators() * lanes_ + static_cast<size_t>(e - extrema_.data())]);
      next = next_extremum(*e, next, acc[i]);
    }
    const bool tail = form_ == Form::kVector && at.lanes.active;
    if (tail) next = f_.b.CreateSelect(at.lanes.active, next, acc[i]);
    if (in_array) f_.b.CreateStore(next, slot(i, in_array));
    if (!in_array) carried[i * lanes_ + own] = next;
  }
}

void Reducer::rotate(llvm::MutableArrayRef<Value*> carried) const {
  for (size_t acc = 0; acc < accumulators(); ++acc) {
    auto* parts = carried.begin() + acc * lanes_;
    std::rotate(parts, parts + 1, parts + lanes_);
  }
}

Value* Reducer::next_extremum(const Extremum& e, Value* x, Value* acc) {
  return e.x_first ? f_.machine.extremum(f_, e.max, acc, x)
                   : f_.machine.extremum(f_, e.max, x, acc);
}

void Reducer::note_nan(const Point& at, Value* x, Value*& seen) {
  Value* nan = f_.b.CreateFCmpUNO(x, x);
  if (at.lanes.active) nan = f_.b.CreateAnd(nan, at.lanes.active);
  seen = f_.b.CreateSelect(nan, llvm::Constant::getAllOnesValue(seen->getType()), seen);
}

// ---- Runs -------------------------------------------------------------------------------------

Regs Reducer::no_run() {
  Regs none;
  for (size_t acc = 0; acc < accumulators(); ++acc) {
    const Scalar identity = identity_of((*merges_)[acc], reduction().acc[acc]);
    none.push_back(splat(f_, emit_scalar(f_, identity), form_ == Form::kVector ? 1 : width_));
  }
  return none;
}

Regs Reducer::with_run(llvm::ArrayRef<Value*> merged, llvm::ArrayRef<Value*> run) {
  Regs all;
  for (size_t acc = 0; acc < accumulators(); ++acc) {
    const DType type = reduction().acc[acc];
    all.push_back(emit_fn(f_, (*merges_)[acc], type, type, {merged[acc], run[acc]}));
  }
  return all;
}

// ---- Results ----------------------------------------------------------------------------------

Regs Reducer::finish(llvm::ArrayRef<Value*> carried) {
  Regs results;
  for (size_t acc = 0; acc < accumulators(); ++acc) {
    auto own = carried.slice(acc * lanes_, lanes_);
    Regs lanes(own.begin(), own.end());
    if (const Extremum* e = extremum_of(acc)) {
      Value* seen = carried[accumulators() * lanes_ + static_cast<size_t>(e - extrema_.data())];
      Value* nan = llvm::ConstantFP::getNaN(lanes[0]->getType());
      lanes[0] = f_.b.CreateSelect(f_.b.CreateIsNotNull(seen), nan, lanes[0]);
    }
    results.push_back(merged(acc, std::move(lanes)));
  }
  return results;
}

Value* Reducer::merged(size_t acc, Regs lanes) {
  switch (form_) {
    case Form::kSequence: return lanes[0];
    case Form::kVector: return merged_parts(acc, std::move(lanes));
    case Form::kValues: return merged_values(acc, std::move(lanes));
    case Form::kThreads: return merged_threads(acc, lanes[0]);
    case Form::kArray: break;
  }
  llvm::Type* type = initial(acc)->getType();
  for (int64_t lane = 0; lane < kReductionLanes; ++lane) {
    lanes.push_back(f_.b.CreateLoad(type, slot(acc, f_.i64(lane))));
  }
  return merged_values(acc, std::move(lanes));
}

// Lanes that no element went to still take part: they can turn a sum of -0 into 0.
Value* Reducer::merged_values(size_t acc, Regs lanes) {
  const DType type = reduction().acc[acc];
  lanes.resize(kReductionLanes, initial(acc));
  for (size_t half = kReductionLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) {
      lanes[i] = emit_fn(f_, (*merges_)[acc], type, type, {lanes[i], lanes[i + half]});
    }
  }
  return lanes[0];
}

// In thread i lane i merges with lane i + half; what threads from half on have is not used any more.
Value* Reducer::merged_threads(size_t acc, Value* own) {
  const DType type = reduction().acc[acc];
  for (int half = kReductionLanes / 2; half > 0; half /= 2) {
    Value* other = f_.machine.from_lane(f_, own, half);
    own = emit_fn(f_, (*merges_)[acc], type, type, {own, other});
  }
  return own;
}

// Parts are merged lane by lane: those of part p begin with p x width.
Value* Reducer::merged_parts(size_t acc, Regs parts) {
  DType type = reduction().acc[acc];
  auto merge = [&](Value* x, Value* y) { return emit_fn(f_, (*merges_)[acc], type, type, {x, y}); };
  for (size_t half = parts.size() / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) parts[i] = merge(parts[i], parts[i + half]);
  }
  Value* v = parts[0];
  for (int half = width_ / 2; half > 0; half /= 2) {
    Vec<int> low, high;
    for (int i = 0; i < half; ++i) {
      low.push_back(i);
      high.push_back(i + half);
    }
    v = merge(f_.b.CreateShuffleVector(v, low), f_.b.CreateShuffleVector(v, high));
  }
  return f_.b.CreateExtractElement(v, f_.i64(0));
}

}  // namespace rlx::backend
