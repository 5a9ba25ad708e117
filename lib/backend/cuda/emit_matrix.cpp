// Code for "contract.mma" (matrix.h).
#include "backend/cuda/tile_product.h"
#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

// Rows of tiles that blocks go down before they go on to the next columns: neighbours share what they read.
constexpr int64_t kTileRows = 8;

class MatrixEmitter {
 public:
  MatrixEmitter(Function& f, const Nvptx& machine, const MatrixPlan& plan, const MatrixTile& tile)
      : f_(f), machine_(machine), plan_(plan), loops_(plan.loops), tile_(tile) {
    for (const Stage& s : f.kernel.stages) refs_.push_back(resolve(f.kernel, s, {}));
  }

  void run() {
    TileProduct product(f_, machine_, plan_, tile_, refs_[0], find_tile());
    product.run([&](const Point& at, Value* sum) { finish_sum(f_, refs_, at, sum); });
  }

 private:
  Value* dim(const Dim& d) {
    return f_.at_entry([&] { return emit_dim(f_, {}, d); });
  }
  Value* i32(int64_t v) { return f_.b.getInt32(static_cast<uint32_t>(v)); }
  Value* narrow(Value* v) { return f_.b.CreateTrunc(v, f_.b.getInt32Ty()); }
  Value* wide(Value* v) { return f_.b.CreateZExt(v, f_.b.getInt64Ty()); }

  // Blocks go down some rows of tiles, then to the next column of them, then to the next rows. There are less than 2^31.
  TileProduct::Place find_tile() {
    Value* columns = narrow(dim(ceil_div(points_of(loops_.columns), tile_.columns)));
    Value* rows = narrow(dim(ceil_div(points_of(loops_.rows), tile_.rows)));
    Value* block = narrow(machine_.block(f_));
    Value* tiles = f_.b.CreateMul(rows, columns);
    Value* rest = f_.b.CreateURem(block, tiles);
    Value* band_tiles = f_.b.CreateMul(columns, i32(kTileRows));
    Value* band = f_.b.CreateMul(f_.b.CreateUDiv(rest, band_tiles), i32(kTileRows));
    Value* in_band = f_.b.CreateURem(rest, band_tiles);
    Value* height = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, f_.b.CreateSub(rows, band),
                                               i32(kTileRows));
    Value* row = f_.b.CreateAdd(band, f_.b.CreateURem(in_band, height));
    Value* column = f_.b.CreateUDiv(in_band, height);
    return {.batch = spread(f_, {}, loops_.batch, wide(f_.b.CreateUDiv(block, tiles))),
            .first_row = f_.b.CreateMul(wide(row), f_.i64(tile_.rows)),
            .first_column = f_.b.CreateMul(wide(column), f_.i64(tile_.columns)),
            .memory = machine_.asked_shared_memory(f_)};
  }

  Function& f_;
  const Nvptx& machine_;
  const MatrixPlan& plan_;
  const ProductLoops& loops_;
  const MatrixTile& tile_;
  Vec<StageRefs> refs_;
};

}  // namespace

Work emit_matrix(const Job& job) {
  Kernel k = job.planned.kernel;
  for (Stage& s : k.stages) expand_math(s);
  const MatrixPlan plan = *plan_matrix(k);
  const MatrixTile tile = fitted_to(*find_tile(job.planned.choice), plan.loops);
  const Nvptx machine(k, job.symbols, tile.threads());
  Function f(job.module, job.name, k, job.symbols, machine);
  MatrixEmitter(f, machine, plan, tile).run();
  f.finish();
  const Dim blocks = points_of(plan.loops.batch) * ceil_div(points_of(plan.loops.rows), tile.rows) *
                     ceil_div(points_of(plan.loops.columns), tile.columns);
  return {blocks, tile.threads(), 0, tile.shared_bytes()};
}

}  // namespace rlx::backend::cuda
