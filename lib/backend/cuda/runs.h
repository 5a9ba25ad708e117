// What emitters of products share: runs of eight steps on end of several loops, taken as one, and what sums become.
#pragma once
#include "backend/cuda/product.h"
#include "backend/llvm/emit_access.h"

namespace rlx::backend::cuda {

// How many points the loops have together, i64, made once at the entry.
llvm::Value* count_of(Function& f, const Vec<Loop>& loops);
// Whether a point is known to be there.
enum class Exists : uint8_t { kMaybe, kSurely };

// Point number i of the loops, or the last one where there are not as many.
Point at_existing(Function& f, const Point& at, const Vec<Loop>& loops, llvm::Value* i,
                  Exists exists = Exists::kMaybe);
// Step number `step` of the run that begins at `start`, a multiple of eight: inside of the innermost loop, where its
// extent is known to be one too, so that neighbours are seen to be neighbours. Steps that there are not are others.
Point at_run(Function& f, const Point& at, const Vec<Loop>& loops, llvm::Value* start, int64_t step,
             Exists exists = Exists::kMaybe);

// What the kernel's stages, a product first, make of one of its sums.
void finish_sum(Function& f, const Vec<StageRefs>& refs, const Point& at, llvm::Value* sum);

}  // namespace rlx::backend::cuda
