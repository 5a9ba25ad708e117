// An NVIDIA GPU as the emitters of backend/llvm see it: functions are kernels with the parameters of Launch (cuda.h).
//
// What LLVM's passes must not see through are calls of functions named "rlx.*", which lower_calls() replaces when
// they have run.
#pragma once
#include "backend/llvm/function.h"

namespace rlx::backend::cuda {

class Nvptx final : public Machine {
 public:
  // Of a kernel that is started with so many threads a block. All three outlive it.
  Nvptx(const Kernel& k, const Vec<std::string>& symbols, int64_t threads)
      : kernel_(k), symbols_(symbols), threads_(threads) {}

  llvm::Function* declare(llvm::Module& module, const std::string& name) const override;
  void set_attributes(llvm::Function& fn, const std::set<std::string>& features) const override;
  // There are no tiles, and its scratch is the trap.
  Frame frame(llvm::Function& fn) const override;
  llvm::Value* buffer(Function& f, uint32_t arg) const override;
  llvm::Value* symbol(Function& f, uint32_t index, llvm::StringRef name) const override;
  // The first thread that comes leaves an image::Trap.
  void report(Function& f, int site, llvm::Value* index, llvm::Value* extent) const override;
  llvm::Value* lane(Function& f) const override;
  llvm::Value* from_lane(Function& f, llvm::Value* v, int distance) const override;
  llvm::Value* extremum(Function& f, bool max, llvm::Value* b, llvm::Value* a) const override;
  bool unrolls() const override { return true; }
  bool masks_narrow_elements() const override { return false; }
  llvm::Value* store_mask(Function&, llvm::Value*, llvm::Value* mask) const override {
    return mask;
  }

  // The number of the block, and of the thread in it, i64.
  llvm::Value* block(Function& f) const;
  llvm::Value* thread(Function& f) const;
  // The memory that Launch::scratch_bytes asked for.
  llvm::Value* scratch(Function& f) const;
  // So many bytes that the threads of a block share.
  llvm::Value* shared_memory(Function& f, int64_t bytes) const;
  // What Work::shared_bytes asked for, as an address of the space of shared memory.
  llvm::Value* asked_shared_memory(Function& f) const;
  // All threads of the block meet, and see what each of them has written.
  void barrier(Function& f) const;

 private:
  unsigned arguments() const { return static_cast<unsigned>(kernel_.args.size()); }
  unsigned trap_argument() const { return arguments() + static_cast<unsigned>(symbols_.size()); }

  const Kernel& kernel_;
  const Vec<std::string>& symbols_;
  int64_t threads_;
};

void lower_calls(llvm::Module& module);

}  // namespace rlx::backend::cuda
