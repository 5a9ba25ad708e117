// Code for "blocks" (blocks.h).
#include "backend/cuda/blocks.h"
#include "backend/cuda/machine.h"
#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

class BlocksEmitter {
 public:
  BlocksEmitter(Function& f, const Nvptx& machine, const BlocksPlan& p)
      : f_(f), machine_(machine), p_(p), refs_(refs_of(p)) {}

  void run() {
    place_locals();
    if (p_.rounds.is(1)) return run_point(machine_.block(f_));
    Value* stride = emit_dim(f_, {}, p_.blocks);
    emit_for(f_, f_.i64(0), emit_dim(f_, {}, p_.rounds), 1, [&](Value* round) {
      Value* point = f_.b.CreateAdd(machine_.block(f_), f_.b.CreateMul(round, stride));
      Value* exists = f_.b.CreateICmpSLT(point, emit_dim(f_, {}, p_.points));
      emit_if(f_, exists, [&] { run_point(point); });
    });
  }

 private:
  void place_locals() {
    if (p_.memory.bytes.is(0)) return;
    for (uint32_t i = 0; i < p_.kernel.locals.size(); ++i) {
      Value* offset = emit_dim(f_, {}, p_.memory.offsets[i]);
      f_.set_local(i, f_.b.CreateGEP(f_.b.getInt8Ty(), memory_of_block(), offset));
    }
  }

  Value* memory_of_block() {
    if (memory_) return memory_;
    if (p_.in_shared_memory) {
      return memory_ = machine_.shared_memory(f_, *p_.memory.bytes.constant());
    }
    Value* own = f_.b.CreateMul(machine_.block(f_), emit_dim(f_, {}, p_.memory.bytes));
    return memory_ = f_.b.CreateGEP(f_.b.getInt8Ty(), machine_.scratch(f_), own);
  }

  // All threads of the block come here together.
  void run_point(Value* point) {
    const Point at = spread(f_, {}, p_.kernel.grid, point);
    for (size_t i = 0; i < p_.groups.size(); ++i) {
      run_group(p_.groups[i], at);
      const bool is_end = i + 1 == p_.groups.size() && p_.rounds.is(1);
      if (!is_end) machine_.barrier(f_);
    }
  }

  // Threads, or warps, take the points of the loops that the group keeps.
  void run_group(const Group& g, const Point& at) {
    const Vec<Loop>& all = refs_[g.first].stage->loops;
    const Vec<Loop> loops(all.begin(), all.begin() + static_cast<ptrdiff_t>(kept_loops(refs_, g)));
    Dim count = 1;
    for (const Loop& l : loops) count = count * l.extent;
    const int64_t together = g.warp ? kReductionLanes : 1;
    Value* first = f_.b.CreateUDiv(machine_.thread(f_), f_.i64(together));
    emit_for(f_, first, emit_dim(f_, {}, count), p_.threads / together, [&](Value* i) {
      Regs locals(p_.kernel.locals.size());
      emit_group_at(f_, p_, refs_, g, spread(f_, at, loops, i), locals);
    });
  }

  Function& f_;
  const Nvptx& machine_;
  const BlocksPlan& p_;
  Vec<StageRefs> refs_;
  Value* memory_ = nullptr;
};

}  // namespace

Work emit_blocks(const Job& job) {
  const BlocksPlan p = plan_blocks(job.planned.kernel, job.planned.choice.tile[0], job.target);
  const Nvptx machine(p.kernel, job.symbols, p.threads);
  Function f(job.module, job.name, p.kernel, job.symbols, machine);
  BlocksEmitter(f, machine, p).run();
  f.finish();
  return {p.blocks, p.threads, p.in_shared_memory ? Dim(0) : p.memory.bytes * p.blocks};
}

}  // namespace rlx::backend::cuda
