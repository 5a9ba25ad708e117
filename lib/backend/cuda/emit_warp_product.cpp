// Code for "contract.warp" (warp_product.h).
#include "backend/cuda/machine.h"
#include "backend/cuda/runs.h"
#include "backend/cuda/warp_product.h"
#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

// Of a block.
constexpr int64_t kWarps = 8;
// Steps of the depth that a warp takes with one run a thread.
constexpr int64_t kSteps = kReductionLanes * kRun;

class WarpProductEmitter {
 public:
  WarpProductEmitter(Function& f, const Nvptx& machine, const ProductLoops& loops, int64_t columns)
      : f_(f), machine_(machine), loops_(loops), columns_(columns) {
    for (const Stage& s : f.kernel.stages) refs_.push_back(resolve(f.kernel, s, {}));
    rows_ = *points_of(loops.rows).constant();
    acc_ = accumulator_types(f.kernel.stages[0])[0];
  }

  void run() {
    lane_ = machine_.lane(f_);
    Value* warp = f_.b.CreateUDiv(machine_.thread(f_), f_.i64(kReductionLanes));
    warp = f_.b.CreateAdd(f_.b.CreateMul(machine_.block(f_), f_.i64(kWarps)), warp);
    Value* across = f_.at_entry(
        [&] { return emit_dim(f_, {}, ceil_div(points_of(loops_.columns), columns_)); });
    batch_number_ = f_.b.CreateUDiv(warp, across);
    first_column_ = f_.b.CreateMul(f_.b.CreateURem(warp, across), f_.i64(columns_));
    Value* batches = count_of(f_, loops_.batch);
    emit_if(f_, f_.b.CreateICmpSLT(batch_number_, batches), [&] { run_columns(); });
  }

 private:
  void run_columns() {
    batch_ = spread(f_, {}, loops_.batch, batch_number_);
    const Regs zeros(static_cast<size_t>(rows_ * columns_), emit_scalar(f_, Scalar::of(acc_, 0)));
    Value* depth = count_of(f_, loops_.depth);
    const int64_t together = runs_together();
    Value* first = f_.b.CreateMul(lane_, f_.i64(kRun));
    Regs sums = emit_for(f_, first, depth, together * kSteps, zeros, [&](Value* i, const Regs& c) {
      Regs next = c;
      for (int64_t r = 0; r < together; ++r) {
        next = add_run(f_.b.CreateAdd(i, f_.i64(r * kSteps)), std::move(next));
      }
      return next;
    });
    for (Value*& sum : sums) sum = merged(sum);
    emit_if(f_, f_.b.CreateICmpEQ(lane_, f_.i64(0)), [&] { finish_all(sums); });
  }

  // Runs of a thread that are under way at once: no more than there are.
  int64_t runs_together() const {
    const std::optional<int64_t> depth = points_of(loops_.depth).constant();
    for (int64_t runs = 8 / columns_; depth && runs > 1; runs /= 2) {
      if (*depth % (runs * kSteps) == 0) return runs;
    }
    return 1;
  }

  bool has_whole_runs() const {
    return !loops_.depth.empty() && loops_.depth.back().extent.constant().value_or(1) % kRun == 0;
  }

  Value* element(ExprId node, const Point& at) {
    return emit_values(f_, refs_[0], {node}, at, {})[node.index];
  }

  Regs add_run(Value* start, Regs sums) {
    const Vec<ExprId> factors = operands(f_.kernel.stages[0]);
    for (int64_t e = 0; e < kRun; ++e) {
      const Point at = at_run(f_, batch_, loops_.depth, start, e);
      Regs left, right;
      for (int64_t r = 0; r < rows_; ++r) {
        left.push_back(element(factors[0], spread(f_, at, loops_.rows, f_.i64(r))));
      }
      for (int64_t c = 0; c < columns_; ++c) right.push_back(element(factors[1], at_column(at, c)));
      for (size_t i = 0; i < sums.size(); ++i) {
        Value* sum = emit_fn(f_, Fn::kFma, acc_, acc_,
                             {left[i / right.size()], right[i % right.size()], sums[i]});
        sums[i] = has_whole_runs() ? sum : f_.b.CreateSelect(is_step(start, e), sum, sums[i]);
      }
    }
    return sums;
  }

  Value* is_step(Value* start, int64_t e) {
    return f_.b.CreateICmpSLT(f_.b.CreateAdd(start, f_.i64(e)), count_of(f_, loops_.depth));
  }

  Point at_column(const Point& at, int64_t c) {
    return at_existing(f_, at, loops_.columns, f_.b.CreateAdd(first_column_, f_.i64(c)));
  }

  // In lane 0, of all lanes.
  Value* merged(Value* sum) {
    for (int distance = kReductionLanes / 2; distance > 0; distance /= 2) {
      Value* other = machine_.from_lane(f_, sum, distance);
      sum = emit_fn(f_, Fn::kAdd, acc_, acc_, {sum, other});
    }
    return sum;
  }

  void finish_all(const Regs& sums) {
    for (int64_t c = 0; c < columns_; ++c) {
      Value* column = f_.b.CreateAdd(first_column_, f_.i64(c));
      emit_if(f_, f_.b.CreateICmpSLT(column, count_of(f_, loops_.columns)), [&] {
        for (int64_t r = 0; r < rows_; ++r) {
          const Point at = spread(f_, at_column(batch_, c), loops_.rows, f_.i64(r));
          finish_sum(f_, refs_, at, sums[static_cast<size_t>(r * columns_ + c)]);
        }
      });
    }
  }

  Function& f_;
  const Nvptx& machine_;
  const ProductLoops& loops_;
  // Of a warp.
  int64_t columns_ = 1, rows_ = 1;
  DType acc_ = DType::kF32;
  Vec<StageRefs> refs_;
  Value *lane_ = nullptr, *batch_number_ = nullptr, *first_column_ = nullptr;
  Point batch_;
};

}  // namespace

Work emit_warp_product(const Job& job) {
  Kernel k = job.planned.kernel;
  for (Stage& s : k.stages) expand_math(s);
  const ProductLoops loops = *product_loops(k);
  const int64_t columns = job.planned.choice.tile[0], threads = kWarps * kReductionLanes;
  const Nvptx machine(k, job.symbols, threads);
  Function f(job.module, job.name, k, job.symbols, machine);
  WarpProductEmitter(f, machine, loops, columns).run();
  f.finish();
  const Dim warps = points_of(loops.batch) * ceil_div(points_of(loops.columns), columns);
  return {ceil_div(warps, kWarps), threads, 0};
}

}  // namespace rlx::backend::cuda
