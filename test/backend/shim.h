// Kernels of the CUDA backend on this CPU: the LLVM IR that PTX is made of, with the GPU's own instructions replaced.
//
// The threads of a block are fibers that run one after the other until they meet: at a barrier all of a block, where
// values move between lanes all of a warp. So a thread that does not wait where it has to reads what nobody has written
// yet: shared memory and scratch hold 0xff before. Threads that never meet fail the test.
#pragma once
#include "backend/cuda/cuda.h"
#include "test/backend/data.h"

namespace rlx::test {

class Shim {
 public:
  // The choice is on the menu.
  Shim(const Kernel& k, const Target& target, const Choice& choice);

  // Threads that a run has.
  int64_t threads(const Symbols& symbols) const;
  bool meets() const { return meets_; }
  // Runs all blocks; their order, and that of the threads in them, is turned round with `reverse`.
  image::Trap run(Vec<Memory>& buffers, const Symbols& symbols, bool reverse);

 private:
  Vec<std::string> symbols_;
  Vec<size_t> memory_of_;
  backend::cuda::Launch launch_;
  int64_t shared_bytes_ = 0;
  // Whether threads meet at all.
  bool meets_ = false;
  std::optional<Memory> code_;
  size_t entry_ = 0;
};

// Fails the test unless every row of the GPU's menu that takes the kernel as it lies gives the interpreter's bits,
// whatever order threads run in. Rows with more threads than can be tried are left out.
void check_shim(const Kernel& k, const Symbols& symbols, const Fill& fill);

// The same with a choice whose bits are the interpreter's for these values, whatever the menu says of others.
void check_shim(const Kernel& k, const Choice& choice, const Symbols& symbols, const Fill& fill);

// Kernels that check_shim has run, by algorithm.
std::map<std::string, int64_t>& shims_run();

}  // namespace rlx::test
