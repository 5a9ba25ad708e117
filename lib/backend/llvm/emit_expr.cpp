#include "backend/llvm/emit_expr.h"

#include <llvm/IR/Constants.h>

#include <algorithm>
#include <cmath>

#include "backend/common/float_range.h"
#include "kernel/element.h"

namespace rlx::backend {

namespace {

using llvm::Value;
using llvm::Intrinsic::ID;

// Writes single functions. All operands have as many lanes.
class FnEmitter {
 public:
  FnEmitter(Function& f, DType operand, DType result)
      : f_(f), b_(f.b), operand_(operand), result_(result) {}

  Value* emit(Fn fn, const Regs& x) {
    switch (fn) {
      case Fn::kConst:
      case Fn::kIndex:
      case Fn::kLoad:
      case Fn::kAcc: break;
      case Fn::kAdd: return real() ? b_.CreateFAdd(x[0], x[1]) : b_.CreateAdd(x[0], x[1]);
      case Fn::kSub: return real() ? b_.CreateFSub(x[0], x[1]) : b_.CreateSub(x[0], x[1]);
      case Fn::kMul: return real() ? b_.CreateFMul(x[0], x[1]) : b_.CreateMul(x[0], x[1]);
      case Fn::kDiv: return real() ? b_.CreateFDiv(x[0], x[1]) : quotient(x[0], x[1]);
      case Fn::kRem: return real() ? float_remainder(x[0], x[1]) : remainder(x[0], x[1]);
      case Fn::kFma: return fma(x);
      case Fn::kNeg: return real() ? b_.CreateFNeg(x[0]) : b_.CreateNeg(x[0]);
      case Fn::kAbs: return absolute(x[0]);
      case Fn::kSqrt: return unary(llvm::Intrinsic::sqrt, x[0]);
      case Fn::kFloor: return unary(llvm::Intrinsic::floor, x[0]);
      case Fn::kCeil: return unary(llvm::Intrinsic::ceil, x[0]);
      case Fn::kRoundEven: return unary(llvm::Intrinsic::roundeven, x[0]);
      case Fn::kTrunc: return unary(llvm::Intrinsic::trunc, x[0]);
      case Fn::kMin: return extremum(false, x[0], x[1]);
      case Fn::kMax: return extremum(true, x[0], x[1]);
      case Fn::kAnd: return b_.CreateAnd(x[0], x[1]);
      case Fn::kOr: return b_.CreateOr(x[0], x[1]);
      case Fn::kXor: return b_.CreateXor(x[0], x[1]);
      case Fn::kNot: return b_.CreateNot(x[0]);
      case Fn::kShl: return b_.CreateShl(x[0], shift_count(x[1]));
      case Fn::kShr: return shift_right(x[0], shift_count(x[1]));
      case Fn::kEq: return compare(llvm::CmpInst::FCMP_OEQ, llvm::CmpInst::ICMP_EQ, x);
      case Fn::kNe: return compare(llvm::CmpInst::FCMP_UNE, llvm::CmpInst::ICMP_NE, x);
      case Fn::kLt: return compare(llvm::CmpInst::FCMP_OLT, llvm::CmpInst::ICMP_SLT, x);
      case Fn::kLe: return compare(llvm::CmpInst::FCMP_OLE, llvm::CmpInst::ICMP_SLE, x);
      case Fn::kGt: return compare(llvm::CmpInst::FCMP_OGT, llvm::CmpInst::ICMP_SGT, x);
      case Fn::kGe: return compare(llvm::CmpInst::FCMP_OGE, llvm::CmpInst::ICMP_SGE, x);
      case Fn::kIsNan: return b_.CreateFCmpUNO(x[0], x[0]);
      case Fn::kIsInf: return is_infinite(x[0]);
      case Fn::kSelect: return b_.CreateSelect(x[0], x[1], x[2]);
      case Fn::kCast: return cast(x[0]);
      case Fn::kBitcast: return bitcast(x[0]);
    }
    RLX_CHECK(false, std::string(name(fn)) + " is no function of values");
    return nullptr;
  }

  // A float that is NaN or, truncated, a number of the result's type.
  Value* bounded_cast(Value* x) {
    Value* n = truncated(x, shaped(value_type(f_, result_), x), result_);
    return zero_if_nan(x, b_.CreateFreeze(n));
  }

 private:
  bool real() const { return operand_ == DType::kF32 || operand_ == DType::kF64; }

  Value* unary(ID id, Value* x) { return b_.CreateUnaryIntrinsic(id, x); }

  Value* like(Value* x, int64_t value) { return llvm::ConstantInt::getSigned(x->getType(), value); }

  llvm::Type* shaped(llvm::Type* element, Value* like_this) {
    auto* v = llvm::dyn_cast<llvm::VectorType>(like_this->getType());
    return v ? llvm::VectorType::get(element, v->getElementCount()) : element;
  }

  Value* fma(const Regs& x) {
    if (!real()) return b_.CreateAdd(b_.CreateMul(x[0], x[1]), x[2]);
    return b_.CreateIntrinsic(llvm::Intrinsic::fma, {x[0]->getType()}, x);
  }

  // A divisor of 0 counts as 1, and so does -1, whose quotient is a negation: nothing traps.
  Value* safe_divisor(Value* b) {
    Value* unsafe = b_.CreateICmpEQ(b, like(b, 0));
    if (is_signed(operand_)) unsafe = b_.CreateOr(unsafe, b_.CreateICmpEQ(b, like(b, -1)));
    return b_.CreateSelect(unsafe, like(b, 1), b);
  }

  Value* quotient(Value* a, Value* b) {
    if (!is_signed(operand_)) return b_.CreateUDiv(a, safe_divisor(b));
    Value* q = b_.CreateSDiv(a, safe_divisor(b));
    return b_.CreateSelect(b_.CreateICmpEQ(b, like(b, -1)), b_.CreateNeg(a), q);
  }

  Value* remainder(Value* a, Value* b) {
    if (is_signed(operand_)) return b_.CreateSRem(a, safe_divisor(b));
    return b_.CreateURem(a, safe_divisor(b));
  }

  Value* float_remainder(Value* a, Value* b);

  Value* absolute(Value* x) {
    if (real()) return unary(llvm::Intrinsic::fabs, x);
    if (is_unsigned(operand_)) return x;
    return b_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, x, b_.getFalse());
  }

  // One instruction where b is a constant, else a test for NaN more.
  Value* extremum(bool max, Value* a, Value* b) {
    if (!real()) {
      const bool with_sign = is_signed(operand_);
      ID greater = with_sign ? llvm::Intrinsic::smax : llvm::Intrinsic::umax;
      ID lesser = with_sign ? llvm::Intrinsic::smin : llvm::Intrinsic::umin;
      return b_.CreateBinaryIntrinsic(max ? greater : lesser, a, b);
    }
    Value* chosen = f_.machine.extremum(f_, max, b, a);
    return b_.CreateSelect(b_.CreateFCmpUNO(b, b), b, chosen);
  }

  Value* shift_count(Value* n) {
    auto bits = static_cast<int64_t>(n->getType()->getScalarSizeInBits());
    return b_.CreateAnd(n, like(n, bits - 1));
  }

  Value* shift_right(Value* x, Value* n) {
    return is_signed(operand_) ? b_.CreateAShr(x, n) : b_.CreateLShr(x, n);
  }

  Value* compare(llvm::CmpInst::Predicate real_test, llvm::CmpInst::Predicate test, const Regs& x) {
    if (real()) return b_.CreateFCmp(real_test, x[0], x[1]);
    if (!is_signed(operand_)) test = llvm::ICmpInst::getUnsignedPredicate(test);
    return b_.CreateICmp(test, x[0], x[1]);
  }

  Value* is_infinite(Value* x) {
    return b_.CreateFCmpOEQ(unary(llvm::Intrinsic::fabs, x),
                            llvm::ConstantFP::getInfinity(x->getType()));
  }

  Value* bitcast(Value* x) { return b_.CreateBitCast(x, shaped(value_type(f_, result_), x)); }

  // ---- Casts ----------------------------------------------------------------------------------

  Value* cast(Value* x) {
    if (operand_ == result_) return x;
    if (operand_ == DType::kF16) return from_f32(from_f16(x));
    if (operand_ == DType::kBF16) return from_f32(from_bf16(x));
    if (result_ == DType::kF16) return to_f16(to_f32(x));
    if (result_ == DType::kBF16) return to_bf16(to_f32(x));
    return plain_cast(x, operand_, result_);
  }

  Value* to_f32(Value* x) { return plain_cast(x, operand_, DType::kF32); }

  Value* from_f32(Value* x) { return FnEmitter(f_, DType::kF32, result_).cast(x); }

  Value* plain_cast(Value* x, DType from, DType to) {
    llvm::Type* type = shaped(value_type(f_, to), x);
    if (from == to) return x;
    if (is_float(from) && is_float(to)) return b_.CreateFPCast(x, type);
    if (to == DType::kBool) return is_nonzero(x, from);
    if (is_float(to)) return is_signed(from) ? b_.CreateSIToFP(x, type) : b_.CreateUIToFP(x, type);
    if (is_float(from)) return saturated(x, type, to);
    return b_.CreateIntCast(x, type, is_signed(from));
  }

  Value* is_nonzero(Value* x, DType from) {
    Value* zero = llvm::Constant::getNullValue(x->getType());
    return is_float(from) ? b_.CreateFCmpUNE(x, zero) : b_.CreateICmpNE(x, zero);
  }

  // LLVM's own saturating conversion is done lane by lane.
  Value* saturated(Value* x, llvm::Type* type, DType to) {
    auto digits = value_bits(to);
    const double end = std::ldexp(1, digits);
    const bool wide = x->getType()->getScalarType()->isDoubleTy();
    const double most = wide ? std::nextafter(end, 0) : std::nextafterf(static_cast<float>(end), 0);
    Value* least = llvm::ConstantFP::get(x->getType(), is_signed(to) ? -end : 0);
    Value* greatest = llvm::ConstantFP::get(x->getType(), most);
    // NaN becomes the least number.
    Value* inside = b_.CreateSelect(b_.CreateFCmpOGT(x, least), x, least);
    inside = b_.CreateSelect(b_.CreateFCmpOLT(inside, greatest), inside, greatest);
    Value* n = truncated(inside, type, to);
    if (most < end - 1) {
      Value* past = b_.CreateFCmpOGE(x, llvm::ConstantFP::get(x->getType(), end));
      auto bits = type->getScalarSizeInBits();
      auto max = llvm::APInt::getLowBitsSet(bits, static_cast<unsigned>(digits));
      n = b_.CreateSelect(past, llvm::ConstantInt::get(type, max), n);
    }
    return is_signed(to) ? zero_if_nan(x, n) : n;
  }

  Value* truncated(Value* x, llvm::Type* type, DType to) {
    return is_signed(to) ? b_.CreateFPToSI(x, type) : b_.CreateFPToUI(x, type);
  }

  Value* zero_if_nan(Value* x, Value* n) {
    return b_.CreateSelect(b_.CreateFCmpUNO(x, x), llvm::Constant::getNullValue(n->getType()), n);
  }

  Value* from_f16(Value* bits) {
    Value* half = b_.CreateBitCast(bits, shaped(b_.getHalfTy(), bits));
    return b_.CreateFPExt(half, shaped(b_.getFloatTy(), bits));
  }

  Value* to_f16(Value* x) {
    Value* half = b_.CreateFPTrunc(x, shaped(b_.getHalfTy(), x));
    return b_.CreateBitCast(half, shaped(b_.getInt16Ty(), x));
  }

  Value* from_bf16(Value* bits) {
    Value* high = b_.CreateShl(b_.CreateZExt(bits, shaped(b_.getInt32Ty(), bits)), 16);
    return b_.CreateBitCast(high, shaped(b_.getFloatTy(), bits));
  }

  // By integers, as LLVM's own conversion flushes subnormals where the processor has bf16.
  Value* to_bf16(Value* x) {
    Value* bits = b_.CreateBitCast(x, shaped(b_.getInt32Ty(), x));
    Value* high = b_.CreateLShr(bits, 16);
    Value* even = b_.CreateAdd(b_.CreateAnd(high, like(bits, 1)), like(bits, 0x7fff));
    Value* rounded = b_.CreateLShr(b_.CreateAdd(bits, even), 16);
    Value* quiet = b_.CreateOr(high, like(bits, 0x40));
    Value* chosen = b_.CreateSelect(b_.CreateFCmpUNO(x, x), quiet, rounded);
    return b_.CreateTrunc(chosen, shaped(b_.getInt16Ty(), x));
  }

  Function& f_;
  llvm::IRBuilder<>& b_;
  DType operand_, result_;
};

// fmod, exact, without a library: |b| is doubled as far as it fits into |a|, then taken from what is left
// at every halving on the way back. Each difference is exact, as t <= x < 2 t.
Value* FnEmitter::float_remainder(Value* a, Value* b) {
  Value* whole = unary(llvm::Intrinsic::fabs, a);
  Value* part = unary(llvm::Intrinsic::fabs, b);
  Value* zero = llvm::Constant::getNullValue(a->getType());
  Value* one = llvm::ConstantFP::get(a->getType(), 1);
  Value* infinity = llvm::ConstantFP::getInfinity(a->getType());
  Value* finite = b_.CreateFCmpOLT(whole, infinity);
  Value* defined = b_.CreateAnd(finite, b_.CreateFCmpOGT(part, zero));
  // An infinite divisor leaves a whole, and its halves would never fall below it.
  Value* bounded = b_.CreateAnd(defined, b_.CreateFCmpOLT(part, infinity));
  Value* x = b_.CreateSelect(bounded, whole, zero);
  Value* y = b_.CreateSelect(bounded, part, one);

  Value* t = emit_repeat(f_, {y}, [&](Regs& c) -> Value* {
    Value* twice = b_.CreateFAdd(c[0], c[0]);
    Value* fits = b_.CreateFCmpOLE(twice, x);
    c[0] = b_.CreateSelect(fits, twice, c[0]);
    return any(f_, fits);
  })[0];
  Value* left = emit_repeat(f_, {x, t}, [&](Regs& c) -> Value* {
    Value* going = b_.CreateFCmpOGE(c[1], y);
    Value* taken = b_.CreateAnd(going, b_.CreateFCmpOGE(c[0], c[1]));
    c[0] = b_.CreateSelect(taken, b_.CreateFSub(c[0], c[1]), c[0]);
    Value* half = b_.CreateFMul(c[1], llvm::ConstantFP::get(a->getType(), 0.5));
    c[1] = b_.CreateSelect(going, half, c[1]);
    return any(f_, going);
  })[0];

  left = b_.CreateSelect(bounded, left, whole);
  left = b_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, left, a);
  return b_.CreateSelect(defined, left, llvm::ConstantFP::getNaN(a->getType()));
}

bool is_bounded_cast(const Body& body, const Expr& e) {
  if (e.fn != Fn::kCast || !is_integer(e.type)) return false;
  const DType operand = body[e.args[0].index].type;
  const bool wide = operand == DType::kF32 || operand == DType::kF64;
  return wide && fits(float_range(body, e.args[0]), e.type);
}

int lanes_of(const Regs& values) {
  int lanes = 1;
  for (Value* v : values) {
    auto* type = llvm::dyn_cast<llvm::FixedVectorType>(v->getType());
    if (type) lanes = static_cast<int>(type->getNumElements());
  }
  return lanes;
}

// Writes the nodes of a body in order; what only the first choice of a select needs, if that is much,
// is skipped where no lane takes it.
class BodyEmitter {
 public:
  BodyEmitter(Function& f, const Stage& s, const Vec<ExprId>& roots, const Leaves& leaves)
      : f_(f),
        stage_(s),
        body_(s.body),
        leaves_(leaves),
        wanted_(needed(s, roots)),
        nodes_(s.body.size()) {
    find_seldom(roots);
  }

  Regs emit() {
    for (size_t i = 0; i < body_.size(); ++i) {
      if (wanted_[i] && select_of_[i] == kAlways) nodes_[i] = emit_node(i);
    }
    return std::move(nodes_);
  }

 private:
  static constexpr uint32_t kAlways = UINT32_MAX;
  // A test and a branch cost about as much as so many nodes.
  static constexpr size_t kMuch = 40;

  // For every select: the nodes from which each path to a root goes through its first choice.
  void find_seldom(const Vec<ExprId>& roots) {
    select_of_.assign(body_.size(), kAlways);
    if (body_.size() <= kMuch) return;
    for (size_t i = body_.size(); i-- > 0;) {
      const Expr& e = body_[i];
      if (!wanted_[i] || e.fn != Fn::kSelect || select_of_[i] != kAlways) continue;
      Vec<bool> only = only_for(static_cast<uint32_t>(i), roots);
      if (static_cast<size_t>(std::count(only.begin(), only.end(), true)) < kMuch) continue;
      for (size_t k = 0; k < only.size(); ++k) {
        if (only[k]) select_of_[k] = static_cast<uint32_t>(i);
      }
    }
  }

  // Without the first choice of select i these nodes are not needed.
  Vec<bool> only_for(uint32_t select, const Vec<ExprId>& roots) const {
    Vec<bool> reached(body_.size());
    for (const ExprId r : roots) reached[r.index] = true;
    for (size_t i = body_.size(); i-- > 0;) {
      if (!reached[i]) continue;
      const Expr& e = body_[i];
      for (size_t a = 0; a < e.args.size(); ++a) {
        if (i != select || a != 1) reached[e.args[a].index] = true;
      }
      if (e.fn != Fn::kLoad) continue;
      for (const AxisIndex& axis : stage_.reads[e.index].index) {
        if (axis.expr) reached[axis.expr->index] = true;
      }
    }
    Vec<bool> only(body_.size());
    for (size_t i = 0; i < select; ++i) only[i] = wanted_[i] && !reached[i] && !is_leaf(body_[i]);
    // A leaf is at hand, and may be an access: those stay where they are.
    return only;
  }

  static bool is_leaf(const Expr& e) { return arity(e.fn) == 0; }

  Value* emit_node(size_t i) {
    const Expr& e = body_[i];
    switch (e.fn) {
      case Fn::kConst: return emit_scalar(f_, e.scalar);
      case Fn::kIndex: return leaves_.index(e.dim);
      case Fn::kLoad: return leaves_.load(e.index, nodes_);
      case Fn::kAcc: return leaves_.acc[e.index];
      default: break;
    }
    const bool seldom = e.fn == Fn::kSelect && select_of_[e.args[1].index] == i;
    return seldom ? emit_seldom(i) : emit_plain(e);
  }

  Value* emit_plain(const Expr& e) {
    Regs args;
    for (const ExprId arg : e.args) args.push_back(nodes_[arg.index]);
    // The condition of a select is a bool, whatever is selected.
    const size_t typed = e.fn == Fn::kSelect ? 1 : 0;
    const DType operand = body_[e.args[typed].index].type;
    if (is_bounded_cast(body_, e)) return FnEmitter(f_, operand, e.type).bounded_cast(args[0]);
    return emit_fn(f_, e.fn, operand, e.type, std::move(args));
  }

  Value* emit_seldom(size_t i) {
    const Expr& e = body_[i];
    Value* condition = nodes_[e.args[0].index];
    // What leaves the branch has lanes on both ways, even where only the choice itself has them.
    const int lanes = lanes_of(written_below(i));
    Value* otherwise = splat(f_, nodes_[e.args[2].index], lanes);
    return emit_if(f_, any(f_, condition), {otherwise}, [&] {
      for (size_t k = 0; k < i; ++k) {
        if (select_of_[k] == i) nodes_[k] = emit_node(k);
      }
      Regs args{condition, nodes_[e.args[1].index], otherwise};
      return Regs{splat(f_, emit_fn(f_, Fn::kSelect, e.type, e.type, std::move(args)), lanes)};
    })[0];
  }

  // The values already written that node i is made of.
  Regs written_below(size_t i) const {
    Vec<bool> reached(i + 1);
    reached[i] = true;
    Regs found;
    for (size_t k = i + 1; k-- > 0;) {
      if (!reached[k]) continue;
      if (nodes_[k]) {
        found.push_back(nodes_[k]);
      } else {
        for (const ExprId arg : body_[k].args) reached[arg.index] = true;
      }
    }
    return found;
  }

  Function& f_;
  const Stage& stage_;
  const Body& body_;
  const Leaves& leaves_;
  Vec<bool> wanted_;
  Regs nodes_;
  // The select whose first choice alone needs a node.
  Vec<uint32_t> select_of_;
};

}  // namespace

llvm::Type* memory_type(Function& f, DType t) {
  switch (t) {
    case DType::kBool:
    case DType::kI4:
    case DType::kI8:
    case DType::kU4:
    case DType::kU8: return f.b.getInt8Ty();
    case DType::kI16:
    case DType::kU16:
    case DType::kF16:
    case DType::kBF16: return f.b.getInt16Ty();
    case DType::kI32:
    case DType::kU32: return f.b.getInt32Ty();
    case DType::kI64:
    case DType::kU64: return f.b.getInt64Ty();
    case DType::kF32: return f.b.getFloatTy();
    case DType::kF64: return f.b.getDoubleTy();
    case DType::kString: break;
  }
  RLX_CHECK(false, "strings are refused by the menu");
  return nullptr;
}

llvm::Type* value_type(Function& f, DType t) {
  return t == DType::kBool ? f.b.getInt1Ty() : memory_type(f, t);
}

llvm::Constant* emit_scalar(Function& f, const Scalar& s) {
  llvm::Type* type = value_type(f, s.dtype);
  if (s.dtype == DType::kF16) return f.b.getInt16(to_f16(static_cast<float>(s.f)));
  if (s.dtype == DType::kBF16) return f.b.getInt16(to_bf16(static_cast<float>(s.f)));
  if (is_float(s.dtype)) return llvm::ConstantFP::get(type, s.f);
  return llvm::ConstantInt::get(type, static_cast<uint64_t>(s.i), is_signed(s.dtype));
}

Value* emit_fn(Function& f, Fn fn, DType operand, DType result, Regs args) {
  const int lanes = lanes_of(args);
  for (Value*& v : args) v = splat(f, v, lanes);
  return FnEmitter(f, operand, result).emit(fn, args);
}

Regs emit_body(Function& f, const Stage& s, const Vec<ExprId>& roots, const Leaves& leaves) {
  return BodyEmitter(f, s, roots, leaves).emit();
}

}  // namespace rlx::backend
