#include "backend/llvm/emit_dim.h"

#include <llvm/IR/Constants.h>

namespace rlx::backend {
namespace {

int width(llvm::Value* v) {
  auto* type = llvm::dyn_cast<llvm::FixedVectorType>(v->getType());
  return type ? static_cast<int>(type->getNumElements()) : 1;
}

llvm::Value* power_of_two_shift(Function& f, llvm::Value* divisor) {
  auto* c = llvm::dyn_cast<llvm::ConstantInt>(divisor);
  if (!c || !c->getValue().isPowerOf2()) return nullptr;
  return f.i64(c->getValue().logBase2());
}

class Emitter {
 public:
  Emitter(Function& f, const Point& at) : f_(f), at_(at) {}

  llvm::Value* emit(const Dim& d) {
    llvm::Value* sum = nullptr;
    for (const Term& t : d.terms()) {
      llvm::Value* v = emit(t);
      sum = sum ? binary(sum, v, [&](auto* x, auto* y) { return f_.b.CreateNSWAdd(x, y); }) : v;
    }
    return sum ? sum : f_.i64(0);
  }

 private:
  llvm::Value* emit(const Term& t) {
    llvm::Value* product = nullptr;
    for (const Atom& a : t.factors) product = product ? multiply(product, emit(a)) : emit(a);
    if (!product) return f_.i64(t.coefficient);
    return t.coefficient == 1 ? product : multiply(product, f_.i64(t.coefficient));
  }

  llvm::Value* multiply(llvm::Value* x, llvm::Value* y) {
    return binary(x, y, [&](auto* a, auto* b) { return f_.b.CreateNSWMul(a, b); });
  }

  llvm::Value* emit(const Atom& a) {
    switch (a.kind) {
      case Atom::Kind::kSymbol: return f_.symbol(a.symbol.text());
      case Atom::Kind::kLoop: return loop(a.loop);
      case Atom::Kind::kFloorDiv: return floor_div(emit(a.args[0]), emit(a.args[1]));
      case Atom::Kind::kMod: return mod(emit(a.args[0]), emit(a.args[1]));
      case Atom::Kind::kMin: return extremum(llvm::Intrinsic::smin, a);
      case Atom::Kind::kMax: return extremum(llvm::Intrinsic::smax, a);
    }
    return nullptr;
  }

  llvm::Value* loop(LoopId id) {
    auto it = at_.loops.find(id);
    RLX_CHECK(it != at_.loops.end(), "loop i" + std::to_string(id.index) + " is not in scope");
    return it->second;
  }

  llvm::Value* extremum(llvm::Intrinsic::ID id, const Atom& a) {
    return binary(emit(a.args[0]), emit(a.args[1]),
                  [&](auto* x, auto* y) { return f_.b.CreateBinaryIntrinsic(id, x, y); });
  }

  // Shifts and masks round to minus infinity; sdiv to zero, so that negative quotients lose one.
  llvm::Value* floor_div(llvm::Value* a, llvm::Value* b) {
    if (llvm::Value* shift = power_of_two_shift(f_, b)) {
      return binary(a, shift, [&](auto* x, auto* y) { return f_.b.CreateAShr(x, y); });
    }
    return binary(a, positive(b), [&](auto* x, auto* y) {
      llvm::Value* quotient = f_.b.CreateSDiv(x, y);
      llvm::Value* rest = f_.b.CreateSub(x, f_.b.CreateMul(quotient, y));
      return f_.b.CreateAdd(quotient, f_.b.CreateAShr(rest, 63));
    });
  }

  llvm::Value* mod(llvm::Value* a, llvm::Value* b) {
    if (power_of_two_shift(f_, b)) {
      llvm::Value* mask = f_.b.CreateSub(b, f_.i64(1));
      return binary(a, mask, [&](auto* x, auto* y) { return f_.b.CreateAnd(x, y); });
    }
    return binary(a, positive(b), [&](auto* x, auto* y) {
      llvm::Value* rest = f_.b.CreateSRem(x, y);
      llvm::Value* wrapped = f_.b.CreateAdd(rest, y);
      return f_.b.CreateSelect(f_.b.CreateICmpSLT(rest, zero_like(rest)), wrapped, rest);
    });
  }

  // An extent of 0 divides nothing that is used, but the division may have left the loop that does not run.
  llvm::Value* positive(llvm::Value* divisor) {
    llvm::Value* one = splat(f_, f_.i64(1), width(divisor));
    return f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, divisor, one);
  }

  static llvm::Value* zero_like(llvm::Value* v) {
    return llvm::Constant::getNullValue(v->getType());
  }

  template <class F>
  llvm::Value* binary(llvm::Value* x, llvm::Value* y, F op) {
    const int lanes = std::max(width(x), width(y));
    return op(splat(f_, x, lanes), splat(f_, y, lanes));
  }

  Function& f_;
  const Point& at_;
};

// 0, 1, 2, ...
llvm::Constant* iota(Function& f, int count) {
  Vec<uint64_t> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<uint64_t>(i));
  return llvm::ConstantDataVector::get(f.context(), values);
}

}  // namespace

llvm::Value* splat(Function& f, llvm::Value* v, int count) {
  if (count == 1 || v->getType()->isVectorTy()) return v;
  return f.b.CreateVectorSplat(static_cast<unsigned>(count), v);
}

Point Point::with(LoopId loop, llvm::Value* index) const {
  Point p = *this;
  p.loops[loop] = index;
  return p;
}

Point with_lanes(Function& f, const Point& at, LoopId loop, int count, llvm::Value* base) {
  Point p = at.with(loop, base);
  llvm::Value* index = f.b.CreateNSWAdd(splat(f, base, count), iota(f, count));
  p.lanes = {.loop = loop, .count = count, .active = nullptr, .index = index};
  return p;
}

Point with_some_lanes(Function& f, const Point& at, LoopId loop, int count, llvm::Value* base,
                      llvm::Value* remaining) {
  if (!remaining) return with_lanes(f, at, loop, count, base);
  Point p = at.with(loop, base);
  llvm::Value* lane = iota(f, count);
  llvm::Value* active = f.b.CreateICmpSLT(lane, splat(f, remaining, count));
  llvm::Value* last = splat(f, f.b.CreateNSWSub(remaining, f.i64(1)), count);
  llvm::Value* inside = f.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, lane, last);
  llvm::Value* index = f.b.CreateNSWAdd(splat(f, base, count), inside);
  p.lanes = {.loop = loop, .count = count, .active = active, .index = index};
  return p;
}

llvm::Value* emit_dim(Function& f, const Point& at, const Dim& d) { return Emitter(f, at).emit(d); }

llvm::Value* emit_dim_per_lane(Function& f, const Point& at, const Dim& d) {
  if (at.lanes.count == 1 || !uses_loop(d, at.lanes.loop)) return emit_dim(f, at, d);
  return emit_dim(f, at.with(at.lanes.loop, at.lanes.index), d);
}

}  // namespace rlx::backend
