// x86 as the emitters of backend/llvm see it: functions have the ABI of image::Kernel.
#pragma once
#include "backend/cpu/isa.h"
#include "backend/llvm/function.h"

namespace rlx::backend::cpu {

class X86 final : public Machine {
 public:
  explicit X86(const CpuTarget& target) : target_(target), isa_(target) {}

  llvm::Function* declare(llvm::Module& module, const std::string& name) const override;
  void set_attributes(llvm::Function& fn, const std::set<std::string>& features) const override;
  Frame frame(llvm::Function& fn) const override;
  llvm::Value* buffer(Function& f, uint32_t arg) const override;
  llvm::Value* symbol(Function& f, uint32_t index, llvm::StringRef name) const override;
  // Leaves an image::Trap at the start of scratch.
  void report(Function& f, int site, llvm::Value* index, llvm::Value* extent) const override;
  llvm::Value* extremum(Function& f, bool max, llvm::Value* b, llvm::Value* a) const override;
  bool masks_narrow_elements() const override { return isa_.wide; }
  llvm::Value* store_mask(Function& f, llvm::Value* value, llvm::Value* mask) const override;

  // sums + the products of each lane's group of operands, i32. Two in a group: of i16. Four: `a` is of u8, `b`
  // of i8, and the target has a dot_feature. Of f32: two bits of bf16, and the target has bf16_dot.
  llvm::Value* dot(Function& f, llvm::Value* sums, llvm::Value* a, llvm::Value* b) const;
  // Numbers of 4 bits that are `count` in an integer, the first in its low bits: each in the high bits of an i32, whose
  // others are anything.
  llvm::Value* in_high_bits(Function& f, llvm::Value* packed, int count) const;

 private:
  llvm::Value* bf16_dot(Function& f, llvm::Value* sums, llvm::Value* a, llvm::Value* b) const;

  const CpuTarget& target_;
  const Isa isa_;
};

}  // namespace rlx::backend::cpu
