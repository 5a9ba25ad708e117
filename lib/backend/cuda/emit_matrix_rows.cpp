// Code for "rows.mma" (matrix_rows.h).
#include "backend/cuda/matrix_rows.h"
#include "backend/cuda/tile_product.h"
#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

class MatrixRowsEmitter {
 public:
  MatrixRowsEmitter(Function& f, const Nvptx& machine, const MatrixRowsPlan& p,
                    const MatrixTile& tile)
      : f_(f), machine_(machine), p_(p), tile_(tile), refs_(refs_of(p)) {}

  void run() {
    memory_ = machine_.asked_shared_memory(f_);
    Value* tiles =
        f_.at_entry([&] { return emit_dim(f_, {}, ceil_div(points_of(p_.rows), tile_.rows)); });
    Value* block = machine_.block(f_);
    batch_ = spread(f_, {}, p_.batch, f_.b.CreateUDiv(block, tiles));
    first_row_ = f_.b.CreateMul(f_.b.CreateURem(block, tiles), f_.i64(tile_.rows));
    for (size_t g = 0; g < p_.groups.size();) {
      const size_t last = end_of_rows(g);
      if (last == g) run_product(p_.groups[g]);
      if (last > g) run_rows(g, last);
      g = std::max(last, g + 1);
      if (g < p_.groups.size()) machine_.barrier(f_);
    }
  }

 private:
  // Where groups end, from this one on, that have no product.
  size_t end_of_rows(size_t g) const {
    while (g < p_.groups.size() && !p_.products[p_.groups[g].first]) ++g;
    return g;
  }

  // Locals are those of a row of the block from here on.
  void enter_row(Value* row) {
    Value* from = f_.b.CreateMul(row, f_.i64(p_.row_bytes));
    Value* memory = f_.b.CreateAddrSpaceCast(memory_, f_.ptr());
    for (uint32_t i = 0; i < p_.kernel.locals.size(); ++i) {
      Value* offset = f_.b.CreateAdd(from, emit_dim(f_, {}, p_.memory.offsets[i]));
      f_.set_local(i, f_.b.CreateGEP(f_.b.getInt8Ty(), memory, offset));
    }
  }

  // ---- Products ---------------------------------------------------------------------------------

  void run_product(const Group& g) {
    const MatrixPlan& plan = *p_.products[g.first];
    Value* columns = count_of(f_, plan.loops.columns);
    const int64_t locals = shared_bytes(p_, tile_) - tile_.shared_bytes();
    emit_for(f_, f_.i64(0), columns, tile_.columns, [&](Value* column) {
      TileProduct product(f_, machine_, plan, tile_, refs_[g.first],
                          {.batch = batch_,
                           .first_row = first_row_,
                           .first_column = column,
                           .memory = f_.b.CreateConstGEP1_32(f_.b.getInt8Ty(), memory_,
                                                             static_cast<unsigned>(locals)),
                           .enter_row = [&](Value* row) { enter_row(row); }});
      product.run([&](Value* row, const Point& at, Value* sum) {
        enter_row(row);
        Regs values(p_.kernel.locals.size());
        emit_results(f_, refs_[g.first], at, values, {sum});
      });
      machine_.barrier(f_);
    });
  }

  // ---- Rows -------------------------------------------------------------------------------------

  // Groups [first, last), row by row.
  void run_rows(size_t first, size_t last) {
    Value* warp = f_.b.CreateUDiv(machine_.thread(f_), f_.i64(kReductionLanes));
    emit_for(f_, warp, f_.i64(tile_.rows), tile_.warps(), [&](Value* row) {
      Value* number = f_.b.CreateAdd(first_row_, row);
      emit_if(f_, f_.b.CreateICmpSLT(number, count_of(f_, p_.rows)), [&] {
        enter_row(row);
        const Point at = spread(f_, batch_, p_.rows, number);
        for (size_t g = first; g < last; ++g) {
          run_group(p_.groups[g], at);
          machine_.warp_barrier(f_);
        }
      });
    });
  }

  // Lanes take the points of the loops that the group keeps, or each of them together.
  void run_group(const Group& g, const Point& at) {
    const Vec<Loop>& all = refs_[g.first].stage->loops;
    const auto kept = static_cast<ptrdiff_t>(kept_loops(refs_, g));
    const Vec<Loop> loops(all.begin(), all.begin() + kept);
    const int64_t together = g.warp ? kReductionLanes : 1;
    Value* first = g.warp ? f_.i64(0) : machine_.lane(f_);
    emit_for(f_, first, count_of(f_, loops), kReductionLanes / together, [&](Value* i) {
      Regs locals(p_.kernel.locals.size());
      emit_group_at(f_, p_, refs_, g, spread(f_, at, loops, i), locals);
    });
  }

  Function& f_;
  const Nvptx& machine_;
  const MatrixRowsPlan& p_;
  const MatrixTile& tile_;
  Vec<StageRefs> refs_;
  Value *memory_ = nullptr, *first_row_ = nullptr;
  Point batch_;
};

}  // namespace

Work emit_matrix_rows(const Job& job) {
  const MatrixRowsPlan p = *plan_matrix_rows(job.planned.kernel);
  const MatrixTile& tile = *find_row_tile(job.planned.choice.tile[0]);
  const Nvptx machine(p.kernel, job.symbols, tile.threads());
  Function f(job.module, job.name, p.kernel, job.symbols, machine);
  MatrixRowsEmitter(f, machine, p, tile).run();
  f.finish();
  const Dim blocks = points_of(p.batch) * ceil_div(points_of(p.rows), tile.rows);
  return {blocks, tile.threads(), 0, shared_bytes(p, tile)};
}

}  // namespace rlx::backend::cuda
