#include "backend/cpu/loops.h"

#include "backend/cpu/emit_stage.h"
#include "backend/cpu/machine.h"

namespace rlx::backend::cpu {

namespace {

using llvm::Value;

class LoopsEmitter {
 public:
  LoopsEmitter(Function& f, const Nest& n) : f_(f), n_(n), refs_(refs_of(n)) {}

  void run() {
    place_locals();
    Value* steps = emit_dim(f_, {}, n_.steps);
    Value* lo = f_.i64(0);
    Value* hi = steps;
    if (n_.steps_per_tile > 0) {
      lo = f_.b.CreateNSWMul(f_.first, f_.i64(n_.steps_per_tile));
      Value* end = f_.b.CreateNSWMul(f_.last, f_.i64(n_.steps_per_tile));
      hi = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, steps);
    }
    if (n_.parallel <= 1) return run_innermost({}, lo, hi);
    emit_if(f_, f_.b.CreateICmpSLT(lo, hi), [&] { run_rows(lo, hi); });
  }

 private:
  const Vec<Loop>& grid() const { return n_.kernel.grid; }
  bool over_lanes(const Loop& l) const { return l.id == n_.lane_loop; }

  void place_locals() {
    for (uint32_t i = 0; i < n_.kernel.locals.size(); ++i) {
      if (in_register(n_.kernel.locals[i])) continue;
      Value* offset = emit_dim(f_, {}, n_.local_offsets[i]);
      f_.set_local(i, f_.b.CreateGEP(f_.b.getInt8Ty(), f_.scratch, offset));
    }
  }

  // Steps [lo, hi), lo < hi, of all parallel loops counted together: a run of each row of the innermost.
  // Divisions find the first row; the outer loops then count on like an odometer.
  void run_rows(Value* lo, Value* hi) {
    const Loop& inner = grid()[n_.parallel - 1];
    const Dim steps = over_lanes(inner) ? ceil_div(inner.extent, n_.lanes) : inner.extent;
    Value* row = emit_dim(f_, {}, steps);
    Value* index = f_.b.CreateUDiv(lo, row);
    Regs start = outer_indexes(index);
    start.push_back(f_.b.CreateSub(lo, f_.b.CreateMul(index, row)));
    start.push_back(f_.b.CreateSub(hi, lo));
    emit_repeat(f_, start, [&](Regs& at) {
      Value*& begin = at[at.size() - 2];
      Value*& left = at[at.size() - 1];
      Value* all = f_.b.CreateNSWAdd(begin, left);
      Value* end = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, row, all);
      Point p;
      for (size_t i = 0; i + 1 < n_.parallel; ++i) p.loops[grid()[i].id] = at[i];
      run_innermost(p, begin, end);
      left = f_.b.CreateNSWSub(left, f_.b.CreateNSWSub(end, begin));
      begin = f_.i64(0);
      count_on(at);
      return f_.b.CreateICmpSGT(left, f_.i64(0));
    });
  }

  // The outer loops at row `index`.
  Regs outer_indexes(Value* index) {
    Regs at(n_.parallel - 1);
    for (size_t i = n_.parallel - 1; i-- > 1;) {
      Value* extent = emit_dim(f_, {}, grid()[i].extent);
      at[i] = f_.b.CreateURem(index, extent);
      index = f_.b.CreateUDiv(index, extent);
    }
    at[0] = index;
    return at;
  }

  // The next row; `at` begins with the outer loops.
  void count_on(Regs& at) {
    Value* carry = f_.b.getTrue();
    for (size_t i = n_.parallel - 1; i-- > 0;) {
      at[i] = f_.b.CreateNSWAdd(at[i], f_.b.CreateZExt(carry, f_.b.getInt64Ty()));
      if (i == 0) break;
      Value* wraps = f_.b.CreateICmpEQ(at[i], emit_dim(f_, {}, grid()[i].extent));
      at[i] = f_.b.CreateSelect(wraps, f_.i64(0), at[i]);
      carry = wraps;
    }
  }

  // Steps [lo, hi) of the innermost parallel loop.
  void run_innermost(const Point& at, Value* lo, Value* hi) {
    if (n_.parallel == 0) return emit_for(f_, lo, hi, 1, [&](Value*) { run_rest(at, 0); });
    const Loop& l = grid()[n_.parallel - 1];
    if (over_lanes(l)) return run_vectors(l, at, lo, hi);
    emit_for(f_, lo, hi, 1, [&](Value* i) { run_rest(at.with(l.id, i), n_.parallel); });
  }

  // The loops from grid()[depth] on, in order.
  void run_rest(const Point& at, size_t depth) {
    if (depth == grid().size()) return run_stages(at);
    const Loop& l = grid()[depth];
    start_carried(l.id, at);
    if (over_lanes(l)) {
      return run_vectors(l, at, f_.i64(0), emit_dim(f_, at, ceil_div(l.extent, n_.lanes)));
    }
    emit_for(f_, f_.i64(0), emit_dim(f_, at, l.extent), 1,
             [&](Value* i) { run_rest(at.with(l.id, i), depth + 1); });
  }

  // Vectors [lo, hi) of the lane loop; the last one may be part of one.
  void run_vectors(const Loop& l, const Point& at, Value* lo, Value* hi) {
    Dim whole = floor_div(l.extent, n_.lanes);
    if (!whole.is(0)) run_whole_vectors(l, at, lo, hi, emit_dim(f_, at, whole));
    Dim rest = l.extent - whole * n_.lanes;
    if (rest.is(0)) return;
    emit_if(f_, f_.b.CreateICmpSGT(hi, emit_dim(f_, at, whole)), [&] {
      Value* base = emit_dim(f_, at, whole * n_.lanes);
      Value* remaining = emit_dim(f_, at, rest);
      run_stages(with_some_lanes(f_, at, l.id, n_.lanes, base, remaining));
    });
  }

  void run_whole_vectors(const Loop& l, const Point& at, Value* lo, Value* hi, Value* whole) {
    Value* end = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, hi, whole);
    Value* lanes = f_.i64(n_.lanes);
    emit_for(f_, f_.b.CreateNSWMul(lo, lanes), f_.b.CreateNSWMul(end, lanes), n_.lanes,
             [&](Value* i) { run_stages(with_lanes(f_, at, l.id, n_.lanes, i)); });
  }

  void run_stages(const Point& at) {
    Regs locals(n_.kernel.locals.size());
    for (const Group& g : n_.groups) emit_group(f_, n_, refs_, g, at, locals);
  }

  // Locals carried over this loop get their initial values before it.
  void start_carried(LoopId loop, const Point& at) {
    for (uint32_t i = 0; i < n_.kernel.locals.size(); ++i) {
      const Local& l = n_.kernel.locals[i];
      for (const Carry& c : l.carry) {
        if (c.loop == loop) fill(i, l, c.init, at);
      }
    }
  }

  void fill(uint32_t local, const Local& l, const Scalar& init, const Point& at) {
    Ref element{.of = Access::Of::kLocal, .tensor = local, .dtype = l.dtype};
    LoopId index(n_.kernel.loop_count);
    element.address = Dim::loop(index);
    const Arg memory = local_storage(l);
    Value* count = emit_dim(f_, at, storage_elements(memory.storage, memory.shape));
    emit_for(f_, f_.i64(0), count, 1, [&](Value* i) {
      Regs none;
      Point here = at.with(index, i);
      here.lanes = {};
      emit_store(f_, element, here, {}, none, emit_scalar(f_, init));
    });
  }

  Function& f_;
  const Nest& n_;
  Vec<StageRefs> refs_;
};

}  // namespace

Work emit_loops(const Job& job) {
  X86 const machine(job.target);
  const Nest n = plan_nest(job.planned.kernel, Isa(job.target));
  Function f(job.module, job.name, n.kernel, job.symbols, machine);
  LoopsEmitter(f, n).run();
  f.finish();
  return {n.tiles, n.scratch_bytes, f.features()};
}

}  // namespace rlx::backend::cpu
