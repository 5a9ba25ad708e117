// Dims as code: i64 arithmetic over loops and symbols.
#pragma once
#include "backend/llvm/function.h"

namespace rlx::backend {

// Which loop runs over the lanes of vectors. Without one (count 1) everything is scalar.
struct Lanes {
  LoopId loop = {};
  int count = 1;
  // Which lanes are inside the loop, <count x i1>; null: all are. Lane 0 always is.
  llvm::Value* active = nullptr;
  // The loop's index per lane, <count x i64>; inactive lanes repeat the last active one, so that any address
  // made of it can be read. Null with count 1.
  llvm::Value* index = nullptr;
};

// Where in the kernel code is being written: what each loop's index is. Copied freely.
struct Point {
  // Scalars (of the lanes' loop: lane 0's), or vectors for indexes that were computed per lane.
  std::map<LoopId, llvm::Value*> loops = {};
  Lanes lanes = {};

  Point with(LoopId loop, llvm::Value* index) const;
};

// `count` lanes of `loop` from `base` on, a multiple of count; all active.
Point with_lanes(Function& f, const Point& at, LoopId loop, int count, llvm::Value* base);
// The same where only the first `remaining` >= 1 lanes are inside the loop; null: all.
Point with_some_lanes(Function& f, const Point& at, LoopId loop, int count, llvm::Value* base,
                      llvm::Value* remaining);

// The value of d at lane 0, i64; a vector only where d holds an index that is bound to one.
llvm::Value* emit_dim(Function& f, const Point& at, const Dim& d);
// The value of d at every lane: a vector where it differs between them, else i64.
llvm::Value* emit_dim_per_lane(Function& f, const Point& at, const Dim& d);

// v as a vector of `count` equal lanes, where it is not one yet.
llvm::Value* splat(Function& f, llvm::Value* v, int count);

}  // namespace rlx::backend
