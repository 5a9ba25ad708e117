#include "backend/llvm/emit_grid.h"

namespace rlx::backend {

namespace {

// Whether indexes of the points have 32 bits, of which processors divide faster.
bool are_short(const Vec<Loop>& loops) {
  Dim points = 1;
  for (const Loop& l : loops) points = points * l.extent;
  return points.constant().value_or(INT64_MAX) <= INT32_MAX;
}

}  // namespace

Point spread(Function& f, Point at, const Vec<Loop>& loops, llvm::Value* linear) {
  const bool is_short = loops.size() > 1 && are_short(loops);
  llvm::Type* wide = f.b.getInt64Ty();
  if (is_short) linear = f.b.CreateTrunc(linear, f.b.getInt32Ty());
  for (size_t i = loops.size(); i-- > 0;) {
    llvm::Value* extent = f.at_entry([&] { return emit_dim(f, {}, loops[i].extent); });
    if (is_short) extent = f.b.CreateTrunc(extent, linear->getType());
    llvm::Value* index = i == 0 ? linear : f.b.CreateURem(linear, extent);
    at.loops[loops[i].id] = is_short ? f.b.CreateZExt(index, wide) : index;
    if (i > 0) linear = f.b.CreateUDiv(linear, extent);
  }
  return at;
}

void GridEmitter::run_rest(const Point& at, size_t depth) {
  if (depth == n_.kernel.grid.size()) return run_stages(at);
  const Loop& l = n_.kernel.grid[depth];
  start_carried(l.id, at);
  if (l.id == n_.lane_loop) {
    return run_vectors(l, at, f_.i64(0), emit_dim(f_, at, ceil_div(l.extent, n_.lanes)));
  }
  emit_for(f_, f_.i64(0), emit_dim(f_, at, l.extent), 1,
           [&](llvm::Value* i) { run_rest(at.with(l.id, i), depth + 1); });
}

void GridEmitter::run_vectors(const Loop& l, const Point& at, llvm::Value* lo, llvm::Value* hi) {
  Dim whole = floor_div(l.extent, n_.lanes);
  if (!whole.is(0)) run_whole_vectors(l, at, lo, hi, emit_dim(f_, at, whole));
  Dim rest = l.extent - whole * n_.lanes;
  if (rest.is(0)) return;
  emit_if(f_, f_.b.CreateICmpSGT(hi, emit_dim(f_, at, whole)), [&] {
    llvm::Value* base = emit_dim(f_, at, whole * n_.lanes);
    llvm::Value* remaining = emit_dim(f_, at, rest);
    run_stages(with_some_lanes(f_, at, l.id, n_.lanes, base, remaining));
  });
}

void GridEmitter::run_whole_vectors(const Loop& l, const Point& at, llvm::Value* lo,
                                    llvm::Value* hi, llvm::Value* whole) {
  llvm::Value* end = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, hi, whole);
  llvm::Value* lanes = f_.i64(n_.lanes);
  emit_for(f_, f_.b.CreateNSWMul(lo, lanes), f_.b.CreateNSWMul(end, lanes), n_.lanes,
           [&](llvm::Value* i) { run_stages(with_lanes(f_, at, l.id, n_.lanes, i)); });
}

void GridEmitter::run_stages(const Point& at) {
  Regs locals(n_.kernel.locals.size());
  for (const Group& g : n_.groups) emit_group(f_, n_, refs_, g, at, locals);
}

// Locals carried over this loop get their initial values before it.
void GridEmitter::start_carried(LoopId loop, const Point& at) {
  for (uint32_t i = 0; i < n_.kernel.locals.size(); ++i) {
    const Local& l = n_.kernel.locals[i];
    for (const Carry& c : l.carry) {
      if (c.loop == loop) fill(i, l, c.init, at);
    }
  }
}

void GridEmitter::fill(uint32_t local, const Local& l, const Scalar& init, const Point& at) {
  Ref element{.of = Access::Of::kLocal, .tensor = local, .dtype = l.dtype};
  LoopId index(n_.kernel.loop_count);
  element.address = Dim::loop(index);
  const Arg memory = local_storage(l);
  llvm::Value* count = emit_dim(f_, at, storage_elements(memory.storage, memory.shape));
  emit_for(f_, f_.i64(0), count, 1, [&](llvm::Value* i) {
    Regs none;
    Point here = at.with(index, i);
    here.lanes = {};
    emit_store(f_, element, here, {}, none, emit_scalar(f_, init));
  });
}

}  // namespace rlx::backend
