#include "backend/cuda/runs.h"

#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

Value* smaller_of(Function& f, Value* a, Value* b) {
  return f.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b);
}

}  // namespace

Value* count_of(Function& f, const Vec<Loop>& loops) {
  return f.at_entry([&] { return emit_dim(f, {}, points_of(loops)); });
}

Point at_existing(Function& f, const Point& at, const Vec<Loop>& loops, Value* i) {
  Value* last = f.b.CreateSub(count_of(f, loops), f.i64(1));
  return spread(f, at, loops, smaller_of(f, i, last));
}

Point at_run(Function& f, const Point& at, const Vec<Loop>& loops, Value* start, int64_t step) {
  const bool is_whole = !loops.empty() && loops.back().extent.constant().value_or(1) % kRun == 0;
  if (!is_whole) return at_existing(f, at, loops, f.b.CreateAdd(start, f.i64(step)));
  Value* last = f.b.CreateSub(count_of(f, loops), f.i64(kRun));
  const Point first = spread(f, at, loops, smaller_of(f, start, last));
  const LoopId innermost = loops.back().id;
  return first.with(innermost, f.b.CreateNUWAdd(first.loops.at(innermost), f.i64(step)));
}

}  // namespace rlx::backend::cuda
