// The function of one kernel while it is being written, and the few forms of control flow that emitters use.
//
// How it is called is the machine's. Two arguments of a kernel overlap in memory only where their frames say
// so (kernel/kernel.h); loads and stores tell LLVM who cannot, so that loads leave loops and stores do not order
// what is unrelated.
#pragma once
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <map>

#include "backend/llvm/machine.h"
#include "kernel/kernel.h"

namespace rlx::backend {

// LLVM values: of locals, of accumulators, of loop-carried state.
using Regs = Vec<llvm::Value*>;

class Function {
 public:
  // Opens a function named `name` with its entry block; `symbols` is the order of the ABI's symbols.
  Function(llvm::Module& module, const std::string& name, const Kernel& kernel,
           const Vec<std::string>& symbols, const Machine& machine);
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;

  // Ends the function with a return.
  void finish();

  const Kernel& kernel;
  const Machine& machine;
  // Writes where the function goes on. Emitters leave it after what they wrote.
  llvm::IRBuilder<> b;

  // Tiles to run, i64.
  llvm::Value *first = nullptr, *last = nullptr;
  llvm::Value* scratch = nullptr;

  // Whoever writes an instruction by name says here which feature of the target it takes.
  void use(std::string feature) { features_.insert(std::move(feature)); }
  const std::set<std::string>& features() const { return features_; }

  // Of the function, as the machine declared it.
  llvm::Value* argument(unsigned i) const { return fn_->getArg(i); }
  // The address of Kernel::args[arg], loaded once at the entry.
  llvm::Value* buffer(uint32_t arg);
  // The memory of Kernel::locals[local] in scratch, set by whoever lays scratch out.
  llvm::Value* local(uint32_t local) const { return locals_[local]; }
  void set_local(uint32_t local, llvm::Value* memory) { locals_[local] = memory; }
  // The value of a symbol as i64, loaded once at the entry.
  llvm::Value* symbol(std::string_view name);
  // A value made once at the entry: emit writes it there. It must not depend on any loop.
  llvm::Value* at_entry(llvm::function_ref<llvm::Value*()> emit);

  // Marks a load or store as one of Kernel::args[arg], or of scratch with kScratch.
  static constexpr uint32_t kScratch = UINT32_MAX;
  void tag(llvm::Instruction* access, uint32_t arg);

  llvm::Value* i64(int64_t value) { return b.getInt64(static_cast<uint64_t>(value)); }
  llvm::LLVMContext& context() { return b.getContext(); }
  llvm::Type* ptr() { return b.getPtrTy(); }

 private:
  void make_scopes();

  llvm::Function* fn_ = nullptr;
  std::set<std::string> features_;
  // What the entry block branches to at its end.
  llvm::Instruction* entry_end_ = nullptr;
  Vec<llvm::Value*> buffers_, locals_;
  std::map<std::string, llvm::Value*, std::less<>> symbols_;
  std::map<std::string, uint32_t, std::less<>> symbol_index_;
  // Alias scopes: one per argument, scratch last; and for each all those that it never overlaps.
  Vec<llvm::MDNode*> scopes_, others_;
  // By argument: whether nothing that the kernel writes overlaps it.
  Vec<bool> invariant_;
};

// for (i = lo; i < hi; i += step) carried = body(i, carried). Gives what is carried after the loop.
Regs emit_for(Function& f, llvm::Value* lo, llvm::Value* hi, int64_t step, Regs carried,
              llvm::function_ref<Regs(llvm::Value* i, const Regs& carried)> body);
// The same without carried values.
void emit_for(Function& f, llvm::Value* lo, llvm::Value* hi, int64_t step,
              llvm::function_ref<void(llvm::Value* i)> body);
// do more = body(carried); while (more). Gives what is carried then.
Regs emit_repeat(Function& f, Regs carried, llvm::function_ref<llvm::Value*(Regs& carried)> body);
// if (condition) then().
void emit_if(Function& f, llvm::Value* condition, llvm::function_ref<void()> then);
// Whether any lane of a bool is true, i1.
llvm::Value* any(Function& f, llvm::Value* lanes);
// condition ? then() : otherwise, where then() is only run if needed; both give as many values.
Regs emit_if(Function& f, llvm::Value* condition, const Regs& otherwise,
             llvm::function_ref<Regs()> then);

}  // namespace rlx::backend
