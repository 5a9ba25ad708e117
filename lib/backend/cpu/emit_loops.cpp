#include "backend/cpu/loops.h"

#include "backend/cpu/machine.h"
#include "backend/cpu/nest.h"
#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cpu {

namespace {

using llvm::Value;

class LoopsEmitter {
 public:
  LoopsEmitter(Function& f, const Nest& n) : f_(f), n_(n), grid_(f, n) {}

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
    if (n_.parallel == 0) return emit_for(f_, lo, hi, 1, [&](Value*) { grid_.run_rest(at, 0); });
    const Loop& l = grid()[n_.parallel - 1];
    if (over_lanes(l)) return grid_.run_vectors(l, at, lo, hi);
    emit_for(f_, lo, hi, 1, [&](Value* i) { grid_.run_rest(at.with(l.id, i), n_.parallel); });
  }

  Function& f_;
  const Nest& n_;
  GridEmitter grid_;
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
