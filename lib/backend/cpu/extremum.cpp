#include "backend/cpu/extremum.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/IntrinsicsX86.h>

namespace rlx::cpu {

namespace {

using llvm::Value;
namespace intrinsic = llvm::Intrinsic;
using intrinsic::ID;

// Vectors of exactly one register.
class Extremum {
 public:
  Extremum(Function& f, bool max, llvm::Type* element)
      : f_(f), max_(max), single_(element->isFloatTy()), bits_(single_ ? 32 : 64) {}

  // Any number of lanes: halves until they fit, or filled up to a register.
  Value* emit(Value* b, Value* a) {
    int n = lanes(b);
    if (n * bits_ > f_.isa.instruction_bits)
      return join(emit(half(b, 0), half(a, 0)), emit(half(b, 1), half(a, 1)));
    if (n * bits_ >= 128) return instruction(n * bits_, b, a);
    int full = 128 / bits_;
    return resized(instruction(128, resized(b, full), resized(a, full)), n);
  }

 private:
  static int lanes(Value* v) {
    return static_cast<int>(llvm::cast<llvm::FixedVectorType>(v->getType())->getNumElements());
  }

  Value* instruction(int width, Value* b, Value* a) {
    if (width < 512) return f_.b.CreateIntrinsic(narrow(width), {}, {b, a});
    // The last operand: no rounding is chosen.
    return f_.b.CreateIntrinsic(wide(), {}, {b, a, f_.b.getInt32(4)});
  }

  ID narrow(int width) const {
    if (width == 128 && single_)
      return max_ ? intrinsic::x86_sse_max_ps : intrinsic::x86_sse_min_ps;
    if (width == 128) return max_ ? intrinsic::x86_sse2_max_pd : intrinsic::x86_sse2_min_pd;
    if (single_) return max_ ? intrinsic::x86_avx_max_ps_256 : intrinsic::x86_avx_min_ps_256;
    return max_ ? intrinsic::x86_avx_max_pd_256 : intrinsic::x86_avx_min_pd_256;
  }

  ID wide() const {
    if (single_) return max_ ? intrinsic::x86_avx512_max_ps_512 : intrinsic::x86_avx512_min_ps_512;
    return max_ ? intrinsic::x86_avx512_max_pd_512 : intrinsic::x86_avx512_min_pd_512;
  }

  // Lanes [begin, begin + count) of v; those that it does not have are anything.
  Value* part(Value* v, int begin, int count) {
    Vec<int> mask;
    for (int i = 0; i < count; ++i) mask.push_back(begin + i < lanes(v) ? begin + i : -1);
    return f_.b.CreateShuffleVector(v, mask);
  }

  Value* half(Value* v, int which) { return part(v, which * lanes(v) / 2, lanes(v) / 2); }
  Value* resized(Value* v, int count) { return part(v, 0, count); }

  Value* join(Value* low, Value* high) {
    Vec<int> mask;
    for (int i = 0; i < 2 * lanes(low); ++i) mask.push_back(i);
    return f_.b.CreateShuffleVector(low, high, mask);
  }

  Function& f_;
  bool max_;
  bool single_;
  int bits_;
};

}  // namespace

Value* emit_extremum(Function& f, bool max, Value* b, Value* a) {
  llvm::Type* type = a->getType();
  Extremum extremum(f, max, type->getScalarType());
  if (type->isVectorTy()) return extremum.emit(b, a);
  auto* one = llvm::FixedVectorType::get(type, 1);
  auto as_vector = [&](Value* v) {
    return f.b.CreateInsertElement(llvm::PoisonValue::get(one), v, f.i64(0));
  };
  return f.b.CreateExtractElement(extremum.emit(as_vector(b), as_vector(a)), f.i64(0));
}

}  // namespace rlx::cpu
