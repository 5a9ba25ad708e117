// Code for "loops" (points.h).
#include "backend/cuda/machine.h"
#include "backend/cuda/points.h"
#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

class PointsEmitter {
 public:
  PointsEmitter(Function& f, const Nvptx& machine, const PointsPlan& p)
      : f_(f), machine_(machine), p_(p), grid_(f, p) {}

  void run() {
    Value* first = f_.b.CreateMul(machine_.block(f_), f_.i64(p_.threads));
    first = f_.b.CreateAdd(first, machine_.thread(f_));
    place_locals(first);
    Value* stride = emit_dim(f_, {}, p_.blocks * p_.threads);
    Value* rounds = emit_dim(f_, {}, p_.rounds);
    emit_for(f_, f_.i64(0), rounds, 1, [&](Value* round) {
      run_point(f_.b.CreateAdd(first, f_.b.CreateMul(round, stride)));
    });
  }

 private:
  void place_locals(Value* thread) {
    Value* own = f_.b.CreateMul(thread, emit_dim(f_, {}, p_.memory.bytes));
    for (uint32_t i = 0; i < p_.kernel.locals.size(); ++i) {
      if (in_register(p_.kernel.locals[i])) continue;
      Value* offset = f_.b.CreateAdd(own, emit_dim(f_, {}, p_.memory.offsets[i]));
      f_.set_local(i, f_.b.CreateGEP(f_.b.getInt8Ty(), machine_.scratch(f_), offset));
    }
  }

  void run_point(Value* point) {
    Value* exists = f_.b.CreateICmpSLT(point, emit_dim(f_, {}, p_.points));
    emit_if(f_, exists, [&] {
      const auto& loops = p_.kernel.grid;
      const auto end = loops.begin() + static_cast<ptrdiff_t>(p_.parallel);
      grid_.run_rest(spread(f_, {}, {loops.begin(), end}, point), p_.parallel);
    });
  }

  Function& f_;
  const Nvptx& machine_;
  const PointsPlan& p_;
  GridEmitter grid_;
};

}  // namespace

Work emit_points(const Job& job) {
  const PointsPlan p = plan_points(job.planned.kernel);
  const Nvptx machine(p.kernel, job.symbols, p.threads);
  Function f(job.module, job.name, p.kernel, job.symbols, machine);
  PointsEmitter(f, machine, p).run();
  f.finish();
  return {p.blocks, p.threads, p.memory.bytes * p.blocks * p.threads};
}

}  // namespace rlx::backend::cuda
