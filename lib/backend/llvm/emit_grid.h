// The loops of a grid, and the stages at its points.
#pragma once
#include "backend/llvm/emit_stage.h"

namespace rlx::backend {

// The loops of a linear index bound at a point, innermost fastest.
Point spread(Function& f, Point at, const Vec<Loop>& loops, llvm::Value* linear);

// What a tile or a thread does with the points that it has.
class GridEmitter {
 public:
  GridEmitter(Function& f, const Grouped& n) : f_(f), n_(n), refs_(refs_of(n)) {}

  // The loops from grid[depth] on, in order, and all stages at each of their points.
  void run_rest(const Point& at, size_t depth);
  // Vectors [lo, hi) of the lane loop; the last one may be part of one.
  void run_vectors(const Loop& l, const Point& at, llvm::Value* lo, llvm::Value* hi);

 private:
  void run_whole_vectors(const Loop& l, const Point& at, llvm::Value* lo, llvm::Value* hi,
                         llvm::Value* whole);
  void run_stages(const Point& at);
  void start_carried(LoopId loop, const Point& at);
  void fill(uint32_t local, const Local& l, const Scalar& init, const Point& at);

  Function& f_;
  const Grouped& n_;
  Vec<StageRefs> refs_;
};

}  // namespace rlx::backend
