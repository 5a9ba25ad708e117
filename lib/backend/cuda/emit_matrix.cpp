// Code for "contract.mma" (matrix.h).
#include "backend/cuda/machine.h"
#include "backend/cuda/matrix.h"
#include "backend/cuda/staging.h"
#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

namespace {

using llvm::Value;

// Of an instruction: its rows, columns and steps.
constexpr int64_t kUnitRows = 16, kUnitColumns = 8, kUnitSteps = 16;
constexpr int64_t kUnitsOfStage = kStageDepth / kUnitSteps;
// Rows of tiles that blocks go down before they go on to the next columns: neighbours share what they read.
constexpr int64_t kTileRows = 8;

// What is carried around the loop over the stages.
struct Carried {
  Regs sums;
  // Matrices of the next 16 steps, by 16 rows and by 16 columns.
  Vec<Regs> left, right;
  // Where the next stage to be multiplied begins, and the next one to be filled; i32.
  Value *read = nullptr, *write = nullptr;
};

class MatrixEmitter {
 public:
  MatrixEmitter(Function& f, const Nvptx& machine, const MatrixPlan& plan, const MatrixTile& tile)
      : f_(f),
        machine_(machine),
        plan_(plan),
        loops_(plan.loops),
        tile_(tile),
        steps_(kUnitsOfStage / tile.depth_warps) {
    for (const Stage& s : f.kernel.stages) refs_.push_back(resolve(f.kernel, s, {}));
  }

  void run() {
    memory_ = machine_.asked_shared_memory(f_);
    find_tile();
    Staging left(f_, refs_[0], staged(plan_.left, first_row_, true));
    Staging right(f_, refs_[0], staged(plan_.right, first_column_, false));
    left_ = &left;
    right_ = &right;
    Value* first_step = f_.b.CreateMul(depth_part_, i32(steps_));
    left.prepare({warp_row_, first_step, tile_.warp_rows, steps_}, lane_);
    right.prepare({warp_column_, first_step, tile_.warp_columns, steps_}, lane_);
    stages_ = dim(ceil_div(points_of(loops_.depth), kStageDepth));
    write_results(run_stages());
  }

 private:
  Value* dim(const Dim& d) {
    return f_.at_entry([&] { return emit_dim(f_, {}, d); });
  }
  Value* i32(int64_t v) { return f_.b.getInt32(static_cast<uint32_t>(v)); }
  Value* narrow(Value* v) { return f_.b.CreateTrunc(v, f_.b.getInt32Ty()); }
  Value* wide(Value* v) { return f_.b.CreateZExt(v, f_.b.getInt64Ty()); }

  Staged staged(const MatrixOperand& operand, Value* first, bool is_left) {
    return {.operand = operand,
            .depth = loops_.depth,
            .edge = is_left ? tile_.rows : tile_.columns,
            .threads = tile_.threads(),
            .offset = is_left ? 0 : tile_.left_bytes(),
            .is_left = is_left,
            .at = batch_,
            .first = first,
            .thread = machine_.thread(f_)};
  }

  // ---- Which tile -------------------------------------------------------------------------------

  // Blocks go down some rows of tiles, then to the next column of them, then to the next rows. There are less than 2^31.
  void find_tile() {
    Value* columns = narrow(dim(ceil_div(points_of(loops_.columns), tile_.columns)));
    Value* rows = narrow(dim(ceil_div(points_of(loops_.rows), tile_.rows)));
    Value* block = narrow(machine_.block(f_));
    Value* tiles = f_.b.CreateMul(rows, columns);
    Value* rest = f_.b.CreateURem(block, tiles);
    batch_ = spread(f_, {}, loops_.batch, wide(f_.b.CreateUDiv(block, tiles)));
    Value* band_tiles = f_.b.CreateMul(columns, i32(kTileRows));
    Value* band = f_.b.CreateMul(f_.b.CreateUDiv(rest, band_tiles), i32(kTileRows));
    Value* in_band = f_.b.CreateURem(rest, band_tiles);
    Value* height = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, f_.b.CreateSub(rows, band),
                                               i32(kTileRows));
    Value* row = f_.b.CreateAdd(band, f_.b.CreateURem(in_band, height));
    first_row_ = f_.b.CreateMul(wide(row), f_.i64(tile_.rows));
    first_column_ = f_.b.CreateMul(wide(f_.b.CreateUDiv(in_band, height)), f_.i64(tile_.columns));
    find_warp();
  }

  void find_warp() {
    Value* thread = narrow(machine_.thread(f_));
    const int64_t across = tile_.columns / tile_.warp_columns;
    lane_ = f_.b.CreateAnd(thread, i32(kReductionLanes - 1));
    Value* warp = f_.b.CreateUDiv(thread, i32(kReductionLanes));
    depth_part_ = f_.b.CreateUDiv(warp, i32(tile_.side_warps()));
    warp_ = f_.b.CreateURem(warp, i32(tile_.side_warps()));
    warp_row_ = f_.b.CreateMul(f_.b.CreateUDiv(warp_, i32(across)), i32(tile_.warp_rows));
    warp_column_ = f_.b.CreateMul(f_.b.CreateURem(warp_, i32(across)), i32(tile_.warp_columns));
  }

  // ---- The ring of stages -----------------------------------------------------------------------

  Value* first_step(Value* stage) { return f_.b.CreateMul(stage, f_.i64(kStageDepth)); }

  void start_copies(Value* stage, Value* slot) {
    for (Staging* operand : {left_, right_}) {
      if (operand->is_copied()) operand->copy(first_step(stage), memory_, slot);
    }
    commit_copies(f_);
  }

  // What has to be computed for a stage; anything where there is no such stage.
  Regs compute(Value* stage) {
    Regs none;
    for (const Staging* operand : {left_, right_}) {
      if (!operand->is_copied()) none.resize(none.size() + operand->words(), i32(0));
    }
    if (none.empty()) return {};
    return emit_if(f_, f_.b.CreateICmpSLT(stage, stages_), none, [&] {
      Regs all;
      for (Staging* operand : {left_, right_}) {
        if (operand->is_copied()) continue;
        const Regs own = operand->compute(first_step(stage));
        all.insert(all.end(), own.begin(), own.end());
      }
      return all;
    });
  }

  void store(const Regs& elements, Value* slot) {
    auto from = elements.begin();
    for (Staging* operand : {left_, right_}) {
      if (operand->is_copied()) continue;
      const auto end = from + static_cast<ptrdiff_t>(operand->words());
      operand->store(Regs(from, end), memory_, slot);
      from = end;
    }
  }

  // All but the last stages that were begun are there, for all threads.
  void meet() {
    wait_for_copies(f_, tile_.stages - 2);
    machine_.barrier(f_);
  }

  Value* next_slot(Value* slot) {
    const int64_t end = tile_.stages * tile_.stage_bytes();
    Value* next = f_.b.CreateAdd(slot, i32(tile_.stage_bytes()));
    return f_.b.CreateSelect(f_.b.CreateICmpEQ(next, i32(end)), i32(0), next);
  }

  Carried begin() {
    for (int64_t s = 0; s + 1 < tile_.stages; ++s) {
      Value *stage = f_.i64(s), *slot = i32(s * tile_.stage_bytes());
      start_copies(stage, slot);
      store(compute(stage), slot);
    }
    meet();
    const auto sums = static_cast<size_t>(tile_.warp_rows * tile_.warp_columns / kReductionLanes);
    Carried c{.sums = Regs(sums, llvm::ConstantFP::get(f_.b.getFloatTy(), 0)),
              .read = i32(0),
              .write = i32((tile_.stages - 1) * tile_.stage_bytes())};
    load(c, c.read, 0);
    return c;
  }

  void load(Carried& c, Value* slot, int64_t step) {
    c.left = left_->matrices(memory_, slot, step);
    c.right = right_->matrices(memory_, slot, step);
  }

  Regs run_stages() {
    const Carried start = begin();
    const Regs end = emit_for(
        f_, f_.i64(0), stages_, 1, flat(start),
        [&](Value* stage, const Regs& r) { return flat(run_stage(stage, unflattened(r, start))); });
    wait_for_copies(f_, 0);
    machine_.barrier(f_);
    return unflattened(end, start).sums;
  }

  // While the units multiply, the stage after those that wait is on its way.
  Carried run_stage(Value* stage, Carried c) {
    Value* coming = f_.b.CreateAdd(stage, f_.i64(tile_.stages - 1));
    start_copies(coming, c.write);
    const Regs elements = compute(coming);
    for (int64_t step = 0; step < steps_; ++step) {
      const Carried now = c;
      const bool is_last = step + 1 == steps_;
      if (is_last) {
        store(elements, c.write);
        c.write = next_slot(c.write);
        c.read = next_slot(c.read);
        meet();
      }
      load(c, c.read, is_last ? 0 : step + 1);
      c.sums = multiply_all(now);
    }
    return c;
  }

  Regs multiply_all(const Carried& c) {
    Regs sums;
    for (size_t i = 0; i < c.left.size(); ++i) {
      for (size_t j = 0; j < 2 * c.right.size(); ++j) {
        const Regs& pair = c.right[j / 2];
        const auto first = pair.begin() + static_cast<ptrdiff_t>(j % 2 * 2);
        const auto at = c.sums.begin() + static_cast<ptrdiff_t>(sums.size());
        const Regs four =
            multiply(f_, plan_.left.type, c.left[i], Regs(first, first + 2), Regs(at, at + 4));
        sums.insert(sums.end(), four.begin(), four.end());
      }
    }
    return sums;
  }

  static Regs flat(const Carried& c) {
    Regs all = c.sums;
    for (const Vec<Regs>* side : {&c.left, &c.right}) {
      for (const Regs& r : *side) all.insert(all.end(), r.begin(), r.end());
    }
    all.push_back(c.read);
    all.push_back(c.write);
    return all;
  }

  static Carried unflattened(const Regs& all, const Carried& like) {
    Carried c = like;
    auto from = all.begin();
    const auto take = [&](Regs& to) {
      for (Value*& v : to) v = *from++;
    };
    take(c.sums);
    for (Vec<Regs>* side : {&c.left, &c.right}) {
      for (Regs& r : *side) take(r);
    }
    c.read = *from++;
    c.write = *from;
    return c;
  }

  // ---- Results ----------------------------------------------------------------------------------

  // Of the sums of one warp.
  int64_t sums_of_warp() const { return tile_.warp_rows * tile_.pitch(); }

  // The place of a sum of this warp's part of the tile, of part number `part` of the depth.
  Value* place(Value* part, Value* row, Value* column) {
    Value* at = f_.b.CreateAdd(f_.b.CreateMul(row, i32(tile_.pitch())), column);
    Value* warp = f_.b.CreateAdd(f_.b.CreateMul(part, i32(tile_.side_warps())), warp_);
    at = f_.b.CreateAdd(f_.b.CreateMul(warp, i32(sums_of_warp())), at);
    return f_.b.CreateGEP(f_.b.getFloatTy(), memory_, at);
  }

  void put_sums(const Regs& sums) {
    Value* row = f_.b.CreateUDiv(lane_, i32(4));
    Value* column = f_.b.CreateMul(f_.b.CreateURem(lane_, i32(4)), i32(2));
    auto* pair = llvm::FixedVectorType::get(f_.b.getFloatTy(), 2);
    const int64_t across = tile_.warp_columns / kUnitColumns;
    for (size_t i = 0; i < sums.size(); i += 2) {
      const auto unit = static_cast<int64_t>(i / 4);
      const int64_t down = unit / across * kUnitRows + static_cast<int64_t>(i % 4) * 4;
      Value* two =
          f_.b.CreateInsertElement(llvm::PoisonValue::get(pair), sums[i], f_.b.getInt32(0));
      two = f_.b.CreateInsertElement(two, sums[i + 1], f_.b.getInt32(1));
      Value* to = place(depth_part_, f_.b.CreateAdd(row, i32(down)),
                        f_.b.CreateAdd(column, i32(unit % across * kUnitColumns)));
      f_.tag(f_.b.CreateAlignedStore(two, to, llvm::Align(8)), Function::kScratch);
    }
  }

  // A thread has eight columns of a row at a time; warps that share a part of the tile take turns.
  void write_results(const Regs& sums) {
    put_sums(sums);
    machine_.barrier(f_);
    const int64_t across = tile_.warp_columns / kRun;
    Value* first = f_.b.CreateAdd(lane_, f_.b.CreateMul(depth_part_, i32(kReductionLanes)));
    emit_for(f_, wide(first), f_.i64(tile_.warp_rows * across), kReductionLanes * tile_.depth_warps,
             [&](Value* i) {
               Value* chunk = narrow(i);
               write_chunk(f_.b.CreateUDiv(chunk, i32(across)),
                           f_.b.CreateMul(f_.b.CreateURem(chunk, i32(across)), i32(kRun)));
             });
  }

  void write_chunk(Value* row_of_warp, Value* column_of_warp) {
    Value* from = place(i32(0), row_of_warp, column_of_warp);
    Value* row = f_.b.CreateAdd(first_row_, wide(f_.b.CreateAdd(warp_row_, row_of_warp)));
    Value* column =
        f_.b.CreateAdd(first_column_, wide(f_.b.CreateAdd(warp_column_, column_of_warp)));
    Value* exists = f_.b.CreateICmpSLT(row, dim(points_of(loops_.rows)));
    exists = f_.b.CreateAnd(exists, is_column(column));
    emit_if(f_, exists, [&] {
      const Point at = spread(f_, batch_, loops_.rows, row);
      if (are_whole()) return write_whole(from, spread(f_, at, loops_.columns, column));
      for (int64_t e = 0; e < kRun; ++e) {
        Value* own = f_.b.CreateAdd(column, f_.i64(e));
        emit_if(f_, is_column(own), [&] { finish(from, e, spread(f_, at, loops_.columns, own)); });
      }
    });
  }

  // Whether eight columns from a multiple of eight on are all there or none, in one turn of the innermost loop.
  bool are_whole() const {
    return !loops_.columns.empty() &&
           loops_.columns.back().extent.constant().value_or(1) % kRun == 0;
  }

  void write_whole(Value* from, const Point& at) {
    const LoopId innermost = loops_.columns.back().id;
    Value* first = at.loops.at(innermost);
    for (int64_t e = 0; e < kRun; ++e) {
      finish(from, e, at.with(innermost, f_.b.CreateNUWAdd(first, f_.i64(e))));
    }
  }

  Value* is_column(Value* column) {
    return f_.b.CreateICmpSLT(column, dim(points_of(loops_.columns)));
  }

  void finish(Value* from, int64_t element, const Point& at) {
    Value* sum = nullptr;
    for (int64_t part = 0; part < tile_.depth_warps; ++part) {
      const int64_t at_part = part * tile_.side_warps() * sums_of_warp();
      Value* own = f_.b.CreateGEP(f_.b.getFloatTy(), from, i32(at_part + element));
      auto* load = f_.b.CreateLoad(f_.b.getFloatTy(), own);
      f_.tag(load, Function::kScratch);
      sum = sum ? f_.b.CreateFAdd(sum, load) : load;
    }
    Regs locals(f_.kernel.locals.size());
    emit_results(f_, refs_[0], at, locals, {sum});
    for (size_t i = 1; i < refs_.size(); ++i) emit_map(f_, refs_[i], at, locals);
  }

  Function& f_;
  const Nvptx& machine_;
  const MatrixPlan& plan_;
  const ProductLoops& loops_;
  const MatrixTile& tile_;
  // That a warp takes of each stage.
  int64_t steps_ = 1;
  Vec<StageRefs> refs_;
  Staging *left_ = nullptr, *right_ = nullptr;
  Value *memory_ = nullptr, *stages_ = nullptr;
  // Of the block, i64.
  Value *first_row_ = nullptr, *first_column_ = nullptr;
  // In the block's tile, i32.
  Value *lane_ = nullptr, *warp_ = nullptr, *warp_row_ = nullptr, *warp_column_ = nullptr;
  // Which part of the depth is the warp's.
  Value* depth_part_ = nullptr;
  Point batch_;
};

}  // namespace

Work emit_matrix(const Job& job) {
  Kernel k = job.planned.kernel;
  for (Stage& s : k.stages) expand_math(s);
  const MatrixPlan plan = *plan_matrix(k);
  const MatrixTile& tile = *find_tile(job.planned.choice);
  const Nvptx machine(k, job.symbols, tile.threads());
  Function f(job.module, job.name, k, job.symbols, machine);
  MatrixEmitter(f, machine, plan, tile).run();
  f.finish();
  const Dim blocks = points_of(plan.loops.batch) * ceil_div(points_of(plan.loops.rows), tile.rows) *
                     ceil_div(points_of(plan.loops.columns), tile.columns);
  return {blocks, tile.threads(), 0, tile.shared_bytes()};
}

}  // namespace rlx::backend::cuda
