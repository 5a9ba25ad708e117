// How an operand of "contract.mma" comes into shared memory and from there into the registers of a warp.
//
// In a stage lie the tile's elements of 64 steps: line after line of the side, each 64 steps long, or, where runs go
// along the side, line after line of the steps. Runs of eight elements change places inside of a line, so that the
// threads that read eight lines at once find each in banks of its own.
#pragma once
#include "backend/cuda/matrix.h"
#include "backend/cuda/matrix_unit.h"
#include "backend/cuda/runs.h"
#include "backend/llvm/emit_access.h"

namespace rlx::backend::cuda {

// Where in the block's tile the threads are.
struct Staged {
  const MatrixOperand& operand;
  const Vec<Loop>& depth;
  // Elements of the tile's side, and threads of the block.
  int64_t edge = 0, threads = 0;
  // Where its part of a stage begins.
  int64_t offset = 0;
  // Of a run of the depth; the others are zeros.
  int64_t steps_of_run = kRun;
  // Whether matrices of it are a left operand's.
  bool is_left = false;
  // Loops of the batch; the first element of the side that the block has; the thread; all i64.
  Point at;
  llvm::Value *first = nullptr, *thread = nullptr;
};

class Staging {
 public:
  // Written at the entry: what does not depend on the step.
  Staging(Function& f, const StageRefs& refs, Staged staged);

  // From step `from` (i64) on, 64 steps into the stage that begins at `slot` (i32): starts copies, or gives the elements
  // that have to be computed, two a word, which store() puts there.
  void copy(llvm::Value* from, llvm::Value* memory, llvm::Value* slot);
  Regs compute(llvm::Value* from);
  void store(const Regs& words, llvm::Value* memory, llvm::Value* slot);
  bool is_copied() const { return s_.operand.copied.has_value(); }
  // Words that compute() gives.
  size_t words() const { return static_cast<size_t>(chunks_of_thread() * kRun / 2); }

  // Which matrices the warp has: of `count` elements of the side from `begin` on, and of 16 `steps` of the depth from
  // `first_step` on; both i32.
  struct Part {
    llvm::Value *begin = nullptr, *first_step = nullptr;
    int64_t count = 0, steps = 0;
  };
  void prepare(const Part& part, llvm::Value* lane);
  // Four registers for each 16 elements, of step number `step` of the part.
  Vec<Regs> matrices(llvm::Value* memory, llvm::Value* slot, int64_t step) const;

 private:
  bool along_side() const { return s_.operand.along_side; }
  // Bytes of a line, its chunks, lines, and how many chunks a thread stages.
  int64_t chunks_of_line() const { return (along_side() ? s_.edge : kStageDepth) / kRun; }
  int64_t lines() const { return along_side() ? kStageDepth : s_.edge; }
  int64_t chunks_of_thread() const { return lines() * chunks_of_line() / s_.threads; }
  llvm::Value* place(llvm::Value* line, llvm::Value* chunk) const;
  llvm::Value* place_of(int64_t i, llvm::Value* slot) const;
  llvm::Value* line_of(int64_t i) const;
  llvm::Value* chunk_of(int64_t i) const;
  // Whether no tile goes beyond the side, and no stage beyond the depth.
  bool has_whole_edges() const;
  bool has_whole_stages() const;
  llvm::Value* is_step(llvm::Value* from, llvm::Value* i);
  Point at_chunk(llvm::Value* from, int64_t i, int64_t element);
  llvm::Value* is_inside(llvm::Value* from, int64_t i);
  llvm::Value* i32(int64_t v) const { return f_.b.getInt32(static_cast<uint32_t>(v)); }
  llvm::Value* element(llvm::Value* from, int64_t i, int64_t e);

  Function& f_;
  const StageRefs& refs_;
  Staged s_;
  // By this thread's runs: the line, and which run of it.
  Regs lines_, chunks_;
  // Of the matrices that prepare() was asked for: by step where lines are the side's, else by 16 elements.
  Regs places_;
  int64_t sixteens_ = 0;
};

}  // namespace rlx::backend::cuda
