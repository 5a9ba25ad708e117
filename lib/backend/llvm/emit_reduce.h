// The accumulators of one reduction while its loops run: lanes that are merged pairwise at the end, the same
// on every target (Reduction in kernel.h).
#pragma once
#include "backend/common/groups.h"
#include "backend/llvm/emit_access.h"

namespace rlx::backend {

class Reducer {
 public:
  // How the lanes of one accumulator are held.
  enum class Form : uint8_t {
    // Vectors, the parts: the innermost loop runs over them, all parts a step.
    kVector,
    // A value each: the innermost loop has at most 16 steps and is unrolled.
    kValues,
    // An array on the stack.
    kArray,
    // One a thread of a warp, which goes through the innermost loop as its lanes do.
    kThreads,
    // There is one lane.
    kSequence,
  };

  // A stage of the group. Values have `width` lanes, which are those of the innermost loop (Group::vector) or grid
  // points. The innermost loop reduced over has `extent`.
  Reducer(Function& f, const StageRefs& stage, const Group& group, int width, const Dim& extent);

  Form form() const { return form_; }
  // How many values are carried through the loops, and what they are at the start.
  size_t carried() const { return accumulators() * lanes_ + extrema_.size(); }
  Regs start();
  // One step: `lane` is the index of the innermost loop, with kVector the number of the part.
  void step(const Point& at, llvm::Value* lane, const Regs& locals,
            llvm::MutableArrayRef<llvm::Value*> carried);
  // kVector: part 1 becomes part 0, and so on round, as the next vector is written as part 0 again.
  void rotate(llvm::MutableArrayRef<llvm::Value*> carried) const;
  // The accumulators' final values, of one run; with kThreads those of the first thread.
  Regs finish(llvm::ArrayRef<llvm::Value*> carried);
  // Where runs are merged: what there is before the first, and with the next one.
  Regs no_run();
  Regs with_run(llvm::ArrayRef<llvm::Value*> merged, llvm::ArrayRef<llvm::Value*> run);

 private:
  // With kVector, a max or min of floats: acc = x > acc ? x : acc is one instruction where NaNs are noted
  // aside, and only that stands between one step and the next.
  struct Extremum {
    size_t acc = 0;
    bool max = false;
    // The operand beside the accumulator, and whether it comes first.
    ExprId x;
    bool x_first = false;
  };

  size_t accumulators() const { return reduction().acc.size(); }
  const Reduction& reduction() const { return stage_.stage->reduction(); }
  Form form_for(const Group& group, const Dim& extent) const;
  llvm::Value* initial(size_t acc);
  llvm::Value* slot(size_t acc, llvm::Value* lane);
  void find_extrema();
  const Extremum* extremum_of(size_t acc) const;
  llvm::Value* next_extremum(const Extremum& e, llvm::Value* x, llvm::Value* acc);
  void note_nan(const Point& at, llvm::Value* x, llvm::Value*& seen);
  llvm::Value* merged(size_t acc, Regs lanes);
  llvm::Value* merged_values(size_t acc, Regs lanes);
  llvm::Value* merged_parts(size_t acc, Regs parts);
  llvm::Value* merged_threads(size_t acc, llvm::Value* own);

  Function& f_;
  const StageRefs& stage_;
  std::optional<Vec<Fn>> merges_;
  Form form_ = Form::kSequence;
  int width_ = 1;
  // Lanes of an accumulator that are carried values; after those of all accumulators, whether each of the
  // extrema has seen NaN follows.
  size_t lanes_ = 1;
  Vec<Extremum> extrema_;
  // kArray: one per accumulator.
  Regs arrays_;
};

}  // namespace rlx::backend
