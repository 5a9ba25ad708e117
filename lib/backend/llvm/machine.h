// What the emitters of this folder ask of a processor: how its functions are called, and the few things that
// LLVM does not say the same way on every one. A backend derives its own.
#pragma once
#include <llvm/IR/Module.h>

#include <set>

#include "kernel/kernel.h"

namespace rlx::backend {

class Function;

class Machine {
 public:
  virtual ~Machine() = default;

  // ---- How a function is called -----------------------------------------------------------------

  // A function of that name with the arguments of this machine's ABI.
  virtual llvm::Function* declare(llvm::Module& module, const std::string& name) const = 0;
  // What LLVM may use in it: what all functions may, and `features`, which its emitters have asked for.
  virtual void set_attributes(llvm::Function& fn, const std::set<std::string>& features) const = 0;
  // The tiles to run, i64, and the memory of a thread's own.
  struct Frame {
    llvm::Value *first = nullptr, *last = nullptr;
    llvm::Value* scratch = nullptr;
  };
  virtual Frame frame(llvm::Function& fn) const = 0;
  // Written where the function begins: the address of Kernel::args[arg]; the value of a symbol, i64.
  virtual llvm::Value* buffer(Function& f, uint32_t arg) const = 0;
  virtual llvm::Value* symbol(Function& f, uint32_t index, llvm::StringRef name) const = 0;
  // Tells that the user's data is wrong at a site of the kernel: an index that is not below the extent.
  virtual void report(Function& f, int site, llvm::Value* index, llvm::Value* extent) const = 0;

  // ---- Threads ----------------------------------------------------------------------------------
  //
  // Of groups that run over a warp (Group::warp): only machines have them that have warps.

  // Which of the 32 threads of its warp this one is, i64.
  virtual llvm::Value* lane(Function& f) const;
  // v of the thread that is `distance` further in the warp; all threads of the warp come here together.
  virtual llvm::Value* from_lane(Function& f, llvm::Value* v, int distance) const;

  // Whether short loops are to take several steps at once, so that what they load is under way together: threads that
  // do nothing else meanwhile.
  virtual bool unrolls() const { return false; }

  // ---- Vectors ----------------------------------------------------------------------------------

  // b > a ? b : a, with `max` unset b < a ? b : a; lane by lane, f32 or f64, scalars too. Never what a
  // compiler makes of a comparison and a select, which may take 0 and -0 for one number.
  virtual llvm::Value* extremum(Function& f, bool max, llvm::Value* b, llvm::Value* a) const = 0;
  // Whether one instruction touches some lanes of a vector of elements of less than four bytes.
  virtual bool masks_narrow_elements() const = 0;
  // The mask to store `value` with, which is what memory gets.
  virtual llvm::Value* store_mask(Function& f, llvm::Value* value, llvm::Value* mask) const = 0;
};

}  // namespace rlx::backend
