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

Point at_existing(Function& f, const Point& at, const Vec<Loop>& loops, Value* i, Exists exists) {
  if (exists == Exists::kSurely) return spread(f, at, loops, i);
  Value* last = f.b.CreateSub(count_of(f, loops), f.i64(1));
  return spread(f, at, loops, smaller_of(f, i, last));
}

Point at_run(Function& f, const Point& at, const Vec<Loop>& loops, Value* start, int64_t step,
             Exists exists) {
  const std::optional<int64_t> innermost =
      loops.empty() ? std::nullopt : loops.back().extent.constant();
  if (!innermost || *innermost % kRun != 0) {
    return at_existing(f, at, loops, f.b.CreateAdd(start, f.i64(step)), exists);
  }
  // Numbers of runs, so that LLVM sees where eight elements begin.
  Vec<Loop> runs = loops;
  runs.back().extent = *innermost / kRun;
  const Point first = at_existing(f, at, runs, f.b.CreateUDiv(start, f.i64(kRun)), exists);
  Value* element = f.b.CreateNUWMul(first.loops.at(runs.back().id), f.i64(kRun));
  return first.with(runs.back().id, f.b.CreateNUWAdd(element, f.i64(step)));
}

void finish_sum(Function& f, const Vec<StageRefs>& refs, const Point& at, Value* sum) {
  Regs locals(f.kernel.locals.size());
  emit_results(f, refs[0], at, locals, {sum});
  for (size_t i = 1; i < refs.size(); ++i) emit_map(f, refs[i], at, locals);
}

}  // namespace rlx::backend::cuda
