#include "backend/llvm/emit_access.h"

#include <llvm/IR/Constants.h>

#include "image/image.h"

namespace rlx::backend {

namespace {

using llvm::Value;

bool is_vector(Value* v) { return v->getType()->isVectorTy(); }

bool mentions(const Term& t, LoopId loop) {
  return std::any_of(t.factors.begin(), t.factors.end(),
                     [&](const Atom& a) { return uses_loop(Dim::atom(a), loop); });
}

// One access at one point.
class Accessor {
 public:
  Accessor(Function& f, const Ref& r, const Point& at, const Regs& nodes)
      : f_(f), b_(f.b), r_(r), at_(at), lanes_(at.lanes.count) {
    for (const ExprIndex& e : r.exprs) bind(e, nodes[e.expr.index]);
    for (const Guard& g : r.guards) check(g);
  }

  Value* load() {
    Value* v = to_value(load_raw());
    // Of several axes outside, the first one's fill counts.
    for (size_t i = r_.guards.size(); i-- > 0;) {
      const Guard& g = r_.guards[i];
      const bool selects = !g.masked || is_sub_byte(r_.dtype);
      if (g.fill && selects) v = select(inside_[i], v, emit_scalar(f_, *g.fill));
    }
    return v;
  }

  void store(Value* value) {
    if (r_.combine != Combine::kSet) return combine(value);
    value = to_memory(value);
    if (is_scalar()) return tag(b_.CreateAlignedStore(lane_zero(value), pointer(), align()));
    value = splat(f_, value, lanes_);
    Value* active = at_.lanes.active;
    if (!is_contiguous()) return scatter(value, active);
    if (active && !r_.whole) {
      return tag(b_.CreateMaskedStore(value, pointer(), align(),
                                      f_.machine.store_mask(f_, value, active)));
    }
    if (active && r_.padding) {
      value = select(active, value, to_memory(emit_scalar(f_, *r_.padding)));
    }
    tag(b_.CreateAlignedStore(value, pointer(), align()));
  }

 private:
  // ---- Indexes and guards ---------------------------------------------------------------------

  void bind(const ExprIndex& e, Value* index) {
    if (e.from_end) {
      Value* extent = splat_like(emit_dim(f_, at_, *e.from_end), index);
      Value* zero = llvm::Constant::getNullValue(index->getType());
      Value* negative = b_.CreateICmpSLT(index, zero);
      index = b_.CreateSelect(negative, b_.CreateAdd(index, extent), index);
    }
    varying_ |= is_vector(index);
    at_.loops[e.loop] = index;
  }

  void check(const Guard& g) {
    Value* index = emit_dim_per_lane(f_, at_, g.index);
    Value* extent = emit_dim(f_, at_, g.extent);
    Value* inside = b_.CreateICmpULT(index, splat_like(extent, index));
    inside_.push_back(inside);
    if (!g.fill) report(g, index, extent, b_.CreateNot(inside));
  }

  // Where a lane is outside.
  void report(const Guard& g, Value* index, Value* extent, Value* outside) {
    if (is_vector(outside) && at_.lanes.active) outside = b_.CreateAnd(outside, at_.lanes.active);
    emit_if(f_, any(f_, outside),
            [&] { f_.machine.report(f_, g.site, first_lane(index, outside), extent); });
  }

  Value* first_lane(Value* v, Value* mask) {
    if (!is_vector(v)) return v;
    Value* bits = b_.CreateBitCast(mask, b_.getIntNTy(static_cast<unsigned>(lanes_)));
    Value* lane = b_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, bits, b_.getFalse());
    return b_.CreateExtractElement(v, b_.CreateZExt(lane, b_.getInt64Ty()));
  }

  // What lanes that all write one element have: their loop takes one step, or they are equal.
  Value* lane_zero(Value* v) {
    return is_vector(v) ? b_.CreateExtractElement(v, b_.getInt64(0)) : v;
  }

  // The lanes that a load may touch; null: all. Conditions that hold for all lanes alike are no part of it.
  Value* touched() {
    Value* mask = r_.whole ? nullptr : at_.lanes.active;
    for (size_t i = 0; i < r_.guards.size(); ++i) {
      if (!r_.guards[i].masked) continue;
      mask = mask ? b_.CreateAnd(mask, inside_[i]) : inside_[i];
    }
    return mask;
  }

  // ---- Addresses ------------------------------------------------------------------------------

  bool is_scalar() const { return lanes_ == 1 || (r_.uniform() && !varying_); }
  bool is_contiguous() const { return r_.contiguous() && !varying_; }

  Value* base() {
    if (r_.of == Access::Of::kArg) return f_.buffer(r_.tensor);
    return f_.local(r_.tensor);
  }

  // Whether an axis may be empty at which the index was clamped: then there is no element to touch, and
  // whatever is read in its place is not used.
  Value* all_exist() {
    Value* exist = nullptr;
    for (const Guard& g : r_.guards) {
      if (g.masked || g.extent.constant().value_or(0) > 0) continue;
      Value* some = b_.CreateICmpSGT(emit_dim(f_, at_, g.extent), f_.i64(0));
      exist = exist ? b_.CreateAnd(exist, some) : some;
    }
    return exist;
  }

  // p, or where there is no element the scratch behind the trap, which has room for a vector.
  Value* existing(Value* p) {
    Value* exist = all_exist();
    if (!exist) return p;
    Value* nowhere = b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), f_.scratch, image::kTrapBytes);
    return b_.CreateSelect(exist, p, nowhere);
  }

  // Of lane 0. What does not move with the lanes is added first, so that it leaves their loop, constants
  // last, as they go into the instruction.
  Value* pointer() {
    Dim still, moving, constant;
    for (const Term& t : r_.address.terms()) {
      Dim d = Dim(t.coefficient);
      for (const Atom& a : t.factors) d = d * Dim::atom(a);
      Dim& part = t.factors.empty() ? constant : mentions(t, at_.lanes.loop) ? moving : still;
      part = part + d;
    }
    Value* p = base();
    for (const Dim& part : {still, moving, constant}) {
      if (!part.is(0)) p = b_.CreateGEP(element(), p, emit_dim(f_, at_, part));
    }
    return existing(p);
  }

  Value* pointers() {
    Value* offsets = splat(f_, emit_dim_per_lane(f_, at_, r_.address), lanes_);
    if (Value* exist = all_exist()) {
      Value* start = llvm::Constant::getNullValue(offsets->getType());
      offsets = b_.CreateSelect(exist, offsets, start);
    }
    return b_.CreateGEP(element(), existing(base()), offsets);
  }

  llvm::Type* element() { return memory_type(f_, r_.dtype); }
  llvm::Type* vector() {
    return llvm::FixedVectorType::get(element(), static_cast<unsigned>(lanes_));
  }
  llvm::Align align() const { return llvm::Align(static_cast<uint64_t>(size_of(r_.dtype))); }

  void tag(llvm::Instruction* i) {
    f_.tag(i, r_.of == Access::Of::kArg ? r_.tensor : Function::kScratch);
  }

  // ---- Memory ---------------------------------------------------------------------------------

  Value* load_raw() {
    if (is_sub_byte(r_.dtype)) return load_sub_byte();
    if (is_scalar()) return tagged(b_.CreateAlignedLoad(element(), pointer(), align()));
    if (!is_contiguous()) return gather();
    Value* mask = touched();
    if (!mask) return tagged(b_.CreateAlignedLoad(vector(), pointer(), align()));
    // Without masks for narrow elements LLVM makes a branch a lane; a gather of valid lanes has none.
    const bool only_active = mask == at_.lanes.active;
    if (only_active && !f_.machine.masks_narrow_elements() && size_of(r_.dtype) < 4) {
      return gather();
    }
    return tagged(b_.CreateMaskedLoad(vector(), pointer(), align(), mask, outside_value()));
  }

  // The byte that each lane's element is in, whatever the lanes' addresses are, and of that its half.
  Value* load_sub_byte() {
    Value* offset = is_scalar() ? emit_dim(f_, at_, r_.address)
                                : splat(f_, emit_dim_per_lane(f_, at_, r_.address), lanes_);
    if (Value* exist = all_exist()) {
      Value* start = llvm::Constant::getNullValue(offset->getType());
      offset = b_.CreateSelect(exist, offset, start);
    }
    Value* one = llvm::ConstantInt::get(offset->getType(), 1);
    Value* p = b_.CreateGEP(element(), existing(base()), b_.CreateLShr(offset, one));
    Value* mask = touched();
    if (mask == at_.lanes.active) mask = nullptr;
    Value* both = is_scalar() ? tagged(b_.CreateAlignedLoad(element(), p, align()))
                              : tagged(b_.CreateMaskedGather(vector(), p, align(), mask));
    Value* second = b_.CreateAnd(b_.CreateTrunc(offset, both->getType()), 1);
    return half(both, b_.CreateShl(second, 2));
  }

  // Of each byte the 4 bits from `low` on, 0 or 4.
  Value* half(Value* both, Value* low) {
    if (!is_signed(r_.dtype)) return b_.CreateAnd(b_.CreateLShr(both, low), 0xF);
    Value* four = llvm::ConstantInt::get(both->getType(), 4);
    return b_.CreateAShr(b_.CreateShl(both, b_.CreateSub(four, low)), four);
  }

  Value* outside_value() {
    for (const Guard& g : r_.guards) {
      if (g.masked) return splat(f_, to_memory(emit_scalar(f_, *g.fill)), lanes_);
    }
    return llvm::Constant::getNullValue(vector());
  }

  Value* gather() { return tagged(b_.CreateMaskedGather(vector(), pointers(), align())); }

  void scatter(Value* value, Value* mask) {
    tag(b_.CreateMaskedScatter(value, pointers(), align(), mask));
  }

  // Reads, combines and writes one element.
  void combine(Value* value) {
    RLX_CHECK(is_scalar(), "writes that combine run in scalar code");
    Value* to = pointer();
    Value* old = to_value(tagged(b_.CreateAlignedLoad(element(), to, align())));
    Value* sum = to_memory(emit_fn(f_, combiner(), r_.dtype, r_.dtype, {old, value}));
    tag(b_.CreateAlignedStore(sum, to, align()));
  }

  Fn combiner() const {
    switch (r_.combine) {
      case Combine::kSet: break;
      case Combine::kAdd: return Fn::kAdd;
      case Combine::kMax: return Fn::kMax;
      case Combine::kMin: return Fn::kMin;
      case Combine::kMul: return Fn::kMul;
    }
    RLX_CHECK(false, "a plain write combines nothing");
    return Fn::kAdd;
  }

  // ---- Values ---------------------------------------------------------------------------------

  Value* tagged(llvm::Instruction* load) {
    tag(load);
    return load;
  }

  Value* to_value(Value* v) { return r_.dtype == DType::kBool ? b_.CreateIsNotNull(v) : v; }

  Value* to_memory(Value* v) {
    if (r_.dtype != DType::kBool) return v;
    llvm::Type* byte = b_.getInt8Ty();
    if (auto* type = llvm::dyn_cast<llvm::VectorType>(v->getType())) {
      return b_.CreateZExt(v, llvm::VectorType::get(byte, type->getElementCount()));
    }
    return b_.CreateZExt(v, byte);
  }

  // condition ? then : otherwise, of any widths.
  Value* select(Value* condition, Value* then, Value* otherwise) {
    const int lanes = is_vector(condition) || is_vector(then) || is_vector(otherwise) ? lanes_ : 1;
    return b_.CreateSelect(splat(f_, condition, lanes), splat(f_, then, lanes),
                           splat(f_, otherwise, lanes));
  }

  Value* splat_like(Value* v, Value* like) { return is_vector(like) ? splat(f_, v, lanes_) : v; }

  Function& f_;
  llvm::IRBuilder<>& b_;
  const Ref& r_;
  Point at_;
  int lanes_;
  // Whether an expr index differs between lanes.
  bool varying_ = false;
  // Whether each guard holds.
  Regs inside_;
};

}  // namespace

Value* emit_load(Function& f, const Ref& r, const Point& at, const Regs& nodes,
                 const Regs& locals) {
  if (r.in_register) return locals[r.tensor];
  return Accessor(f, r, at, nodes).load();
}

void emit_store(Function& f, const Ref& r, const Point& at, const Regs& nodes, Regs& locals,
                Value* value) {
  if (r.in_register || r.keep) locals[r.tensor] = value;
  if (!r.in_register) Accessor(f, r, at, nodes).store(value);
}

Regs emit_values(Function& f, const StageRefs& s, const Vec<ExprId>& roots, const Point& at,
                 const Regs& locals, const Regs& acc) {
  auto load = [&](uint32_t read, const Regs& nodes) {
    return emit_load(f, s.reads[read], at, nodes, locals);
  };
  auto index = [&](const Dim& d) { return emit_dim_per_lane(f, at, d); };
  return emit_body(f, *s.stage, roots, {.load = load, .index = index, .acc = acc});
}

void emit_results(Function& f, const StageRefs& s, const Point& at, Regs& locals, const Regs& acc) {
  Vec<ExprId> roots = s.stage->results;
  for (const Ref& w : s.writes) {
    for (const ExprIndex& e : w.exprs) roots.push_back(e.expr);
  }
  Regs nodes = emit_values(f, s, roots, at, locals, acc);
  for (size_t i = 0; i < s.writes.size(); ++i) {
    emit_store(f, s.writes[i], at, nodes, locals, nodes[s.stage->results[i].index]);
  }
}

}  // namespace rlx::backend
