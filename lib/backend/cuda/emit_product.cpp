// Code for "contract.shared" (product.h).
#include "backend/cuda/machine.h"
#include "backend/cuda/product.h"
#include "backend/cuda/runs.h"
#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

constexpr int64_t kThreadsOfTile = kSide * kSide;

class ProductEmitter {
 public:
  ProductEmitter(Function& f, const Nvptx& machine, const ProductLoops& loops, int64_t size)
      : f_(f),
        machine_(machine),
        loops_(loops),
        size_(size),
        edge_(kSide * size),
        acc_(accumulator_types(f.kernel.stages[0])[0]) {
    for (const Stage& s : f.kernel.stages) refs_.push_back(resolve(f.kernel, s, {}));
  }

  void run() {
    find_tile();
    make_room();
    Value* zero = emit_scalar(f_, Scalar::of(acc_, 0));
    Regs sums(static_cast<size_t>(size_ * size_), zero);
    const Dim depth = points_of(loops_.depth), whole = floor_div(depth, kDepth) * kDepth;
    sums = emit_for(f_, f_.i64(0), dim(whole), kDepth, std::move(sums),
                    [&](Value* from, const Regs& c) { return run_steps(from, nullptr, c); });
    if (!(depth - whole).is(0)) sums = run_rest(whole, depth - whole, std::move(sums));
    each_result([&](int64_t i, int64_t j, Value* row, Value* column) {
      finish(row, column, sums[static_cast<size_t>(i * size_ + j)]);
    });
  }

 private:
  Value* dim(const Dim& d) {
    return f_.at_entry([&] { return emit_dim(f_, {}, d); });
  }
  Value* smaller(Value* x, Value* y) {
    return f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, y);
  }
  // No further than the last of the points; rows and columns past it repeat it.
  Value* existing(Value* i, const Vec<Loop>& loops) {
    return smaller(i, f_.b.CreateSub(dim(points_of(loops)), f_.i64(1)));
  }

  // Blocks go along the columns first.
  void find_tile() {
    Value *column_tiles = dim(ceil_div(points_of(loops_.columns), edge_)),
          *row_tiles = dim(ceil_div(points_of(loops_.rows), edge_));
    Value* block = machine_.block(f_);
    Value* rest = f_.b.CreateUDiv(block, column_tiles);
    first_column_ = f_.b.CreateMul(f_.b.CreateURem(block, column_tiles), f_.i64(edge_));
    first_row_ = f_.b.CreateMul(f_.b.CreateURem(rest, row_tiles), f_.i64(edge_));
    batch_ = spread(f_, {}, loops_.batch, f_.b.CreateUDiv(rest, row_tiles));
    thread_ = machine_.thread(f_);
    thread_row_ = f_.b.CreateUDiv(thread_, f_.i64(kSide));
    thread_column_ = f_.b.CreateURem(thread_, f_.i64(kSide));
  }

  // The left operand's elements stand by steps of the depth, as the right one's do; one place more each keeps the
  // threads that write a column of them out of each other's banks.
  void make_room() {
    element_ = memory_type(f_, acc_);
    const int64_t left = kDepth * (edge_ + 1) * size_of(acc_);
    const int64_t right = kDepth * edge_ * size_of(acc_);
    left_ = machine_.shared_memory(f_, left + right);
    right_ = f_.b.CreateConstGEP1_64(f_.b.getInt8Ty(), left_, static_cast<uint64_t>(left));
  }

  Value* left_place(Value* row, Value* step) {
    Value* at = f_.b.CreateAdd(f_.b.CreateMul(step, f_.i64(edge_ + 1)), row);
    return f_.b.CreateGEP(element_, left_, at);
  }
  Value* right_place(Value* column, Value* step) {
    Value* at = f_.b.CreateAdd(f_.b.CreateMul(step, f_.i64(edge_)), column);
    return f_.b.CreateGEP(element_, right_, at);
  }

  // ---- Operands ---------------------------------------------------------------------------------

  void stage(ExprId operand, const Point& at, Value* place) {
    const Regs nodes = emit_values(f_, refs_[0], {operand}, at, {});
    auto* store = f_.b.CreateStore(nodes[operand.index], place);
    f_.tag(store, Function::kScratch);
  }

  // The elements of both operands at 16 steps from `from` on; those past the end repeat the last step.
  void stage_operands(Value* from) {
    const Vec<ExprId> factors = operands(f_.kernel.stages[0]);
    for (int64_t i = 0; i < size_; ++i) {
      Value* number = f_.b.CreateAdd(thread_, f_.i64(i * kThreadsOfTile));
      Value* step = f_.b.CreateURem(number, f_.i64(kDepth));
      Value* row = f_.b.CreateUDiv(number, f_.i64(kDepth));
      Value* place = left_place(row, step);
      Value* there = existing(f_.b.CreateAdd(first_row_, row), loops_.rows);
      stage(factors[0], at_step(spread(f_, batch_, loops_.rows, there), from, step), place);
    }
    for (int64_t i = 0; i < size_; ++i) {
      Value* number = f_.b.CreateAdd(thread_, f_.i64(i * kThreadsOfTile));
      Value* column = f_.b.CreateURem(number, f_.i64(edge_));
      Value* step = f_.b.CreateUDiv(number, f_.i64(edge_));
      Value* place = right_place(column, step);
      Value* there = existing(f_.b.CreateAdd(first_column_, column), loops_.columns);
      stage(factors[1], at_step(spread(f_, batch_, loops_.columns, there), from, step), place);
    }
  }

  Point at_step(const Point& at, Value* from, Value* step) {
    return spread(f_, at, loops_.depth, existing(f_.b.CreateAdd(from, step), loops_.depth));
  }

  // ---- Sums -------------------------------------------------------------------------------------

  // 16 steps from `from` on, or `count` of them.
  Regs run_steps(Value* from, Value* count, Regs sums) {
    stage_operands(from);
    machine_.barrier(f_);
    if (count) {
      sums = emit_for(f_, f_.i64(0), count, 1, std::move(sums),
                      [&](Value* step, const Regs& c) { return add_products(step, c); });
    } else {
      for (int64_t step = 0; step < kDepth; ++step) {
        sums = add_products(f_.i64(step), std::move(sums));
      }
    }
    machine_.barrier(f_);
    return sums;
  }

  Regs run_rest(const Dim& from, const Dim& count, Regs sums) {
    Value* left = dim(count);
    return emit_if(f_, f_.b.CreateICmpSGT(left, f_.i64(0)), sums,
                   [&] { return run_steps(dim(from), left, sums); });
  }

  Value* staged(Value* place) {
    auto* load = f_.b.CreateLoad(element_, place);
    f_.tag(load, Function::kScratch);
    return load;
  }

  Regs add_products(Value* step, Regs sums) {
    Regs left, right;
    for (int64_t i = 0; i < size_; ++i) {
      left.push_back(staged(left_place(own(thread_row_, i), step)));
      right.push_back(staged(right_place(own(thread_column_, i), step)));
    }
    for (size_t i = 0; i < left.size(); ++i) {
      for (size_t j = 0; j < right.size(); ++j) {
        Value*& sum = sums[i * right.size() + j];
        sum = emit_fn(f_, Fn::kFma, acc_, acc_, {left[i], right[j], sum});
      }
    }
    return sums;
  }

  // The i-th row or column that a thread has in its tile.
  Value* own(Value* first, int64_t i) { return f_.b.CreateAdd(first, f_.i64(i * kSide)); }

  // ---- Results ----------------------------------------------------------------------------------

  template <class Body>
  void each_result(Body body) {
    Value *rows = dim(points_of(loops_.rows)), *columns = dim(points_of(loops_.columns));
    for (int64_t i = 0; i < size_; ++i) {
      for (int64_t j = 0; j < size_; ++j) {
        Value* row = f_.b.CreateAdd(first_row_, own(thread_row_, i));
        Value* column = f_.b.CreateAdd(first_column_, own(thread_column_, j));
        Value* is_row = f_.b.CreateICmpSLT(row, rows);
        Value* exists = f_.b.CreateAnd(is_row, f_.b.CreateICmpSLT(column, columns));
        emit_if(f_, exists, [&] { body(i, j, row, column); });
      }
    }
  }

  void finish(Value* row, Value* column, Value* sum) {
    const Point at = spread(f_, spread(f_, batch_, loops_.rows, row), loops_.columns, column);
    finish_sum(f_, refs_, at, sum);
  }

  Function& f_;
  const Nvptx& machine_;
  const ProductLoops& loops_;
  int64_t size_, edge_;
  DType acc_;
  Vec<StageRefs> refs_;
  llvm::Type* element_ = nullptr;
  Value *left_ = nullptr, *right_ = nullptr;
  Value *thread_ = nullptr, *thread_row_ = nullptr, *thread_column_ = nullptr;
  Value *first_row_ = nullptr, *first_column_ = nullptr;
  Point batch_;
};

}  // namespace

Work emit_product(const Job& job) {
  Kernel k = job.planned.kernel;
  for (Stage& s : k.stages) expand_math(s);
  const ProductLoops loops = *product_loops(k);
  const int64_t size = job.planned.choice.tile[0];
  const Nvptx machine(k, job.symbols, kThreadsOfTile);
  Function f(job.module, job.name, k, job.symbols, machine);
  ProductEmitter(f, machine, loops, size).run();
  f.finish();
  const Dim blocks = points_of(loops.batch) * ceil_div(points_of(loops.rows), kSide * size) *
                     ceil_div(points_of(loops.columns), kSide * size);
  return {blocks, kThreadsOfTile, 0};
}

}  // namespace rlx::backend::cuda
