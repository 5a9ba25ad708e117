#include "backend/cpu/machine.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/IntrinsicsX86.h>

namespace rlx::backend::cpu {

namespace {

using llvm::Value;
namespace intrinsic = llvm::Intrinsic;
using intrinsic::ID;

int lanes(Value* v) {
  return static_cast<int>(llvm::cast<llvm::FixedVectorType>(v->getType())->getNumElements());
}

// Lanes [begin, begin + count) of v; those that it does not have are anything.
Value* part(Function& f, Value* v, int begin, int count) {
  Vec<int> mask;
  for (int i = 0; i < count; ++i) mask.push_back(begin + i < lanes(v) ? begin + i : -1);
  return f.b.CreateShuffleVector(v, mask);
}

Value* half(Function& f, Value* v, int which) {
  return part(f, v, which * lanes(v) / 2, lanes(v) / 2);
}

Value* join(Function& f, Value* low, Value* high) {
  Vec<int> mask;
  for (int i = 0; i < 2 * lanes(low); ++i) mask.push_back(i);
  return f.b.CreateShuffleVector(low, high, mask);
}

// Vectors of exactly one register.
class Extremum {
 public:
  Extremum(Function& f, const Isa& isa, bool max, llvm::Type* element)
      : f_(f), isa_(isa), max_(max), single_(element->isFloatTy()), bits_(single_ ? 32 : 64) {}

  // Any number of lanes: halves until they fit, or filled up to a register.
  Value* emit(Value* b, Value* a) {
    const int n = lanes(b);
    if (n * bits_ > isa_.instruction_bits) {
      Value* high = emit_half(b, a, 1);
      Value* low = emit_half(b, a, 0);
      return join(f_, low, high);
    }
    if (n * bits_ >= 128) return instruction(n * bits_, b, a);
    const int full = 128 / bits_;
    return resized(instruction(128, resized(b, full), resized(a, full)), n);
  }

 private:
  Value* emit_half(Value* b, Value* a, int which) {
    Value* part_of_a = half(f_, a, which);
    Value* part_of_b = half(f_, b, which);
    return emit(part_of_b, part_of_a);
  }

  Value* instruction(int width, Value* b, Value* a) {
    if (width < 512) return f_.b.CreateIntrinsic(narrow(width), {}, {b, a});
    // The last operand: no rounding is chosen.
    return f_.b.CreateIntrinsic(wide(), {}, {b, a, f_.b.getInt32(4)});
  }

  ID narrow(int width) const {
    if (width == 128 && single_) {
      return max_ ? intrinsic::x86_sse_max_ps : intrinsic::x86_sse_min_ps;
    }
    if (width == 128) return max_ ? intrinsic::x86_sse2_max_pd : intrinsic::x86_sse2_min_pd;
    if (single_) return max_ ? intrinsic::x86_avx_max_ps_256 : intrinsic::x86_avx_min_ps_256;
    return max_ ? intrinsic::x86_avx_max_pd_256 : intrinsic::x86_avx_min_pd_256;
  }

  ID wide() const {
    if (single_) return max_ ? intrinsic::x86_avx512_max_ps_512 : intrinsic::x86_avx512_min_ps_512;
    return max_ ? intrinsic::x86_avx512_max_pd_512 : intrinsic::x86_avx512_min_pd_512;
  }

  Value* resized(Value* v, int count) { return part(f_, v, 0, count); }

  Function& f_;
  const Isa& isa_;
  bool max_;
  bool single_;
  int bits_;
};

}  // namespace

// ---- How a function is called -------------------------------------------------------------------

llvm::Function* X86::declare(llvm::Module& module, const std::string& name) const {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type* ptr = llvm::PointerType::getUnqual(context);
  llvm::Type* i64 = llvm::Type::getInt64Ty(context);
  auto* type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {ptr, ptr, i64, i64, ptr}, false);
  auto* fn = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  const char* names[] = {"buffers", "symbols", "first", "last", "scratch"};
  for (unsigned i = 0; i < 5; ++i) fn->getArg(i)->setName(names[i]);
  return fn;
}

void X86::set_attributes(llvm::Function& fn, const std::set<std::string>& features) const {
  std::string list;
  auto add = [&](const std::string& name) { list += (list.empty() ? "+" : ",+") + name; };
  for (const std::string& name : code_features(target_)) add(name);
  for (const std::string& name : features) add(name);
  fn.addFnAttr("target-cpu", target_.cpu);
  fn.addFnAttr("target-features", list);
  if (isa_.wide) fn.addFnAttr("prefer-vector-width", "512");
  fn.addFnAttr(llvm::Attribute::NoUnwind);
  for (llvm::Argument& a : fn.args()) {
    if (a.getType()->isPointerTy()) a.addAttr(llvm::Attribute::NoAlias);
  }
}

Machine::Frame X86::frame(llvm::Function& fn) const {
  return {.first = fn.getArg(2), .last = fn.getArg(3), .scratch = fn.getArg(4)};
}

Value* X86::buffer(Function& f, uint32_t arg) const {
  llvm::Value* slot = f.b.CreateConstInBoundsGEP1_64(f.ptr(), f.argument(0), arg);
  auto* load = f.b.CreateLoad(f.ptr(), slot, f.kernel.args[arg].name);
  auto* none = llvm::MDNode::get(f.context(), {});
  auto* align = llvm::ConstantAsMetadata::get(f.b.getInt64(64));
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, none);
  load->setMetadata(llvm::LLVMContext::MD_nonnull, none);
  load->setMetadata(llvm::LLVMContext::MD_align, llvm::MDNode::get(f.context(), align));
  return load;
}

Value* X86::symbol(Function& f, uint32_t index, llvm::StringRef name) const {
  llvm::Value* slot = f.b.CreateConstInBoundsGEP1_64(f.b.getInt64Ty(), f.argument(1), index);
  auto* load = f.b.CreateLoad(f.b.getInt64Ty(), slot, name);
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(f.context(), {}));
  return load;
}

void X86::report(Function& f, int site, Value* index, Value* extent) const {
  Value* fields[] = {f.i64(site + 1), index, extent};
  for (unsigned i = 0; i < 3; ++i) {
    Value* to = f.b.CreateConstInBoundsGEP1_64(f.b.getInt64Ty(), f.scratch, i);
    f.tag(f.b.CreateAlignedStore(fields[i], to, llvm::Align(8)), Function::kScratch);
  }
}

// ---- Vectors ------------------------------------------------------------------------------------

// LLVM would make the same of a comparison and a select, but takes chains of those apart as if 0 and -0 were
// one number; an instruction by name stays what it is.
Value* X86::extremum(Function& f, bool max, Value* b, Value* a) const {
  llvm::Type* type = a->getType();
  Extremum extremum(f, isa_, max, type->getScalarType());
  if (type->isVectorTy()) return extremum.emit(b, a);
  auto* one = llvm::FixedVectorType::get(type, 1);
  auto as_vector = [&](Value* v) {
    return f.b.CreateInsertElement(llvm::PoisonValue::get(one), v, f.i64(0));
  };
  return f.b.CreateExtractElement(extremum.emit(as_vector(b), as_vector(a)), f.i64(0));
}

// Where a mask of one lane is known, LLVM 22 stores that lane of an integer vector as wide as it was before
// it was truncated: four bytes where two belong. So it must not know the mask.
Value* X86::store_mask(Function& f, Value* value, Value* mask) const {
  auto* type = llvm::cast<llvm::FixedVectorType>(value->getType());
  const bool narrow = type->getElementType()->isIntegerTy() && type->getScalarSizeInBits() < 64;
  if (!narrow || !isa_.wide) return mask;
  llvm::Type* bits = f.b.getIntNTy(type->getNumElements());
  llvm::Type* word = f.b.getInt32Ty();
  auto* same =
      llvm::InlineAsm::get(llvm::FunctionType::get(word, {word}, false), "", "=r,0", false);
  Value* hidden = f.b.CreateCall(same, {f.b.CreateZExt(f.b.CreateBitCast(mask, bits), word)});
  return f.b.CreateBitCast(f.b.CreateTrunc(hidden, bits), mask->getType());
}

Value* X86::dot(Function& f, Value* sums, Value* a, Value* b) const {
  if (lanes(sums) * 32 > isa_.instruction_bits) {
    Value* halves[2] = {};
    for (int which = 0; which < 2; ++which) {
      Value* part_of_sums = half(f, sums, which);
      Value* part_of_a = half(f, a, which);
      Value* part_of_b = half(f, b, which);
      halves[which] = dot(f, part_of_sums, part_of_a, part_of_b);
    }
    return join(f, halves[0], halves[1]);
  }
  if (sums->getType()->getScalarType()->isFloatTy()) return bf16_dot(f, sums, a, b);
  const bool wide = isa_.instruction_bits == 512;
  const bool pairs = lanes(a) == 2 * lanes(sums);
  if (isa_.dot_feature.empty()) {
    RLX_CHECK(pairs, "a target without dot products of bytes");
    const ID id = wide ? intrinsic::x86_avx512_pmaddw_d_512 : intrinsic::x86_avx2_pmadd_wd;
    return f.b.CreateAdd(sums, f.b.CreateIntrinsic(id, {}, {a, b}));
  }
  f.use(std::string(isa_.dot_feature));
  const ID words = wide ? intrinsic::x86_avx512_vpdpwssd_512 : intrinsic::x86_avx512_vpdpwssd_256;
  const ID bytes = wide ? intrinsic::x86_avx512_vpdpbusd_512 : intrinsic::x86_avx512_vpdpbusd_256;
  return f.b.CreateIntrinsic(pairs ? words : bytes, {}, {sums, a, b});
}

Value* X86::bf16_dot(Function& f, Value* sums, Value* a, Value* b) const {
  RLX_CHECK(isa_.bf16_dot, "a target without dot products of bf16");
  f.use(std::string(kBf16Feature));
  auto* type = llvm::FixedVectorType::get(f.b.getBFloatTy(), static_cast<unsigned>(lanes(a)));
  Value* left = f.b.CreateBitCast(a, type);
  Value* right = f.b.CreateBitCast(b, type);
  return f.b.CreateIntrinsic(intrinsic::x86_avx512bf16_dpbf16ps_512, {}, {sums, left, right});
}

Value* X86::in_high_bits(Function& f, Value* packed, int count) const {
  llvm::Type* words = llvm::FixedVectorType::get(f.b.getInt32Ty(), static_cast<unsigned>(count));
  if (count == 16 && isa_.selects_bits) {
    // The highest byte of lane i begins at the number before, which for the first lane is the last one.
    Vec<llvm::Constant*> begins(64, f.b.getInt8(0));
    for (size_t i = 0; i < 16; ++i) {
      begins[4 * i + 3] = f.b.getInt8(static_cast<uint8_t>((4 * i + 60) % 64));
    }
    llvm::Type* bytes = llvm::FixedVectorType::get(f.b.getInt8Ty(), 64);
    Value* everywhere = f.b.CreateBitCast(f.b.CreateVectorSplat(8, packed), bytes);
    f.use("avx512vbmi");
    return f.b.CreateBitCast(f.b.CreateIntrinsic(intrinsic::x86_avx512_pmultishift_qb_512, {},
                                                 {llvm::ConstantVector::get(begins), everywhere}),
                             words);
  }
  constexpr int kInWord = 8;
  Vec<int> word;
  Vec<llvm::Constant*> shift;
  for (int i = 0; i < count; ++i) {
    word.push_back(i / kInWord);
    shift.push_back(f.b.getInt32(static_cast<uint32_t>(28 - 4 * (i % kInWord))));
  }
  llvm::Type* few =
      llvm::FixedVectorType::get(f.b.getInt32Ty(), static_cast<unsigned>(count / kInWord));
  Value* lanes = f.b.CreateShuffleVector(f.b.CreateBitCast(packed, few), word);
  return f.b.CreateShl(lanes, llvm::ConstantVector::get(shift));
}

}  // namespace rlx::backend::cpu
