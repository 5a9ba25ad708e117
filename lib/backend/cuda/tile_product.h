// A tile of a product on matrix units: its operands through shared memory, its sums in registers, and then each of them
// where one thread has it (matrix.h says how).
#pragma once
#include <functional>

#include "backend/cuda/machine.h"
#include "backend/cuda/staging.h"

namespace rlx::backend::cuda {

// What all threads of a block do together.
class TileProduct {
 public:
  // Where the tile is: the point of the batch, its first row and column (i64), and tile.shared_bytes() of shared memory, in
  // its own space.
  struct Place {
    Point batch;
    llvm::Value *first_row = nullptr, *first_column = nullptr;
    llvm::Value* memory = nullptr;
  };

  // `refs` are those of the product's stage. All of them outlive it.
  TileProduct(Function& f, const Nvptx& machine, const MatrixPlan& plan, const MatrixTile& tile,
              const StageRefs& refs, Place place);

  // Sums up, and calls finish for every element that there is, with its point and its sum, f32.
  using Finish = std::function<void(const Point& at, llvm::Value* sum)>;
  void run(const Finish& finish);

 private:
  struct Carried;
  using Value = llvm::Value;

  Value* i32(int64_t v) const { return f_.b.getInt32(static_cast<uint32_t>(v)); }
  Value* narrow(Value* v) const { return f_.b.CreateTrunc(v, f_.b.getInt32Ty()); }
  Value* wide(Value* v) const { return f_.b.CreateZExt(v, f_.b.getInt64Ty()); }
  void find_warp();
  Staged staged(bool is_left) const;

  Value* first_step(Value* stage) const;
  bool is_past_end(Value* stage) const;
  void start_copies(Value* stage, Value* slot);
  Regs compute(Value* stage);
  void store(const Regs& words, Value* slot);
  void meet();
  Value* next_slot(Value* slot);
  Carried begin();
  void load(Carried& c, Value* slot, int64_t step) const;
  Regs run_stages();
  Carried run_stage(Value* stage, Carried c);
  Regs multiply_all(const Carried& c);
  static Regs flat(const Carried& c);
  static Carried unflattened(const Regs& all, const Carried& like);

  int64_t sums_of_warp() const { return tile_.warp_rows * tile_.pitch(); }
  Value* place(Value* part, Value* row, Value* column) const;
  void put_sums(const Regs& sums);
  void write_results(const Regs& sums, const Finish& finish);
  void write_all(const Finish& finish, Exists exists);
  void write_run(Value* run, const Finish& finish, Exists exists);
  bool has_whole_runs() const;
  bool is_whole() const;
  Value* is_column(Value* column);
  Value* sum_at(Value* from, int64_t element);

  Function& f_;
  const Nvptx& machine_;
  const MatrixPlan& plan_;
  const ProductLoops& loops_;
  const MatrixTile& tile_;
  Place place_;
  // That a warp takes of each stage.
  int64_t steps_ = 1;
  // In the block's tile, i32.
  Value *lane_ = nullptr, *warp_ = nullptr, *warp_row_ = nullptr, *warp_column_ = nullptr;
  // Which part of the depth is the warp's.
  Value* depth_part_ = nullptr;
  Value* stages_ = nullptr;
  Staging left_, right_;
};

}  // namespace rlx::backend::cuda
