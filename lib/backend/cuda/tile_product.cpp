#include "backend/cuda/tile_product.h"

#include "backend/llvm/emit_grid.h"

namespace rlx::backend::cuda {

using llvm::Value;

namespace {

// Of an instruction: its rows, columns and steps.
constexpr int64_t kUnitRows = 16, kUnitColumns = 8, kUnitSteps = 16;
constexpr int64_t kUnitsOfStage = kStageDepth / kUnitSteps;

}  // namespace

// What is carried around the loop over the stages.
struct TileProduct::Carried {
  Regs sums;
  // Matrices of the next 16 steps, by 16 rows and by 16 columns.
  Vec<Regs> left, right;
  // Where the next stage to be multiplied begins, and the next one to be filled; i32.
  Value *read = nullptr, *write = nullptr;
};

TileProduct::TileProduct(Function& f, const Nvptx& machine, const MatrixPlan& plan,
                         const MatrixTile& tile, const StageRefs& refs, Place place)
    : f_(f),
      machine_(machine),
      plan_(plan),
      loops_(plan.loops),
      tile_(tile),
      place_(std::move(place)),
      steps_(kUnitsOfStage / tile.depth_warps),
      left_(f, refs, staged(true)),
      right_(f, refs, staged(false)) {
  find_warp();
  Value* first = f_.b.CreateMul(depth_part_, i32(steps_));
  left_.prepare({warp_row_, first, tile_.warp_rows, steps_}, lane_);
  right_.prepare({warp_column_, first, tile_.warp_columns, steps_}, lane_);
  stages_ =
      f_.at_entry([&] { return emit_dim(f_, {}, ceil_div(points_of(loops_.depth), kStageDepth)); });
}

void TileProduct::run(const Finish& finish) { write_results(run_stages(), finish); }

void TileProduct::find_warp() {
  Value* thread = narrow(machine_.thread(f_));
  const int64_t across = tile_.columns / tile_.warp_columns;
  lane_ = f_.b.CreateAnd(thread, i32(kReductionLanes - 1));
  Value* warp = f_.b.CreateUDiv(thread, i32(kReductionLanes));
  depth_part_ = f_.b.CreateUDiv(warp, i32(tile_.side_warps()));
  warp_ = f_.b.CreateURem(warp, i32(tile_.side_warps()));
  warp_row_ = f_.b.CreateMul(f_.b.CreateUDiv(warp_, i32(across)), i32(tile_.warp_rows));
  warp_column_ = f_.b.CreateMul(f_.b.CreateURem(warp_, i32(across)), i32(tile_.warp_columns));
}

Staged TileProduct::staged(bool is_left) const {
  return {.operand = is_left ? plan_.left : plan_.right,
          .depth = loops_.depth,
          .edge = is_left ? tile_.rows : tile_.columns,
          .threads = tile_.threads(),
          .offset = is_left ? 0 : tile_.left_bytes(),
          .steps_of_run = plan_.steps_of_run,
          .is_left = is_left,
          .at = place_.batch,
          .first = is_left ? place_.first_row : place_.first_column,
          .thread = machine_.thread(f_)};
}

// ---- The ring of stages -----------------------------------------------------------------------

Value* TileProduct::first_step(Value* stage) const {
  return f_.b.CreateMul(stage, f_.i64(kStageDepth));
}

// Whether it is known before the kernel runs that there is no such stage.
bool TileProduct::is_past_end(Value* stage) const {
  const auto* number = llvm::dyn_cast<llvm::ConstantInt>(stage);
  const auto* count = llvm::dyn_cast<llvm::ConstantInt>(stages_);
  return number && count && number->getSExtValue() >= count->getSExtValue();
}

// Groups of copies are counted, those without any too.
void TileProduct::start_copies(Value* stage, Value* slot) {
  if (is_past_end(stage)) return commit_copies(f_);
  for (Staging* operand : {&left_, &right_}) {
    if (operand->is_copied()) operand->copy(first_step(stage), place_.memory, slot);
  }
  commit_copies(f_);
}

// What has to be computed for a stage; anything where there is no such stage.
Regs TileProduct::compute(Value* stage) {
  Regs none;
  for (const Staging* operand : {&left_, &right_}) {
    if (!operand->is_copied()) none.resize(none.size() + operand->words(), i32(0));
  }
  if (none.empty() || is_past_end(stage)) return none;
  return emit_if(f_, f_.b.CreateICmpSLT(stage, stages_), none, [&] {
    Regs all;
    for (Staging* operand : {&left_, &right_}) {
      if (operand->is_copied()) continue;
      const Regs own = operand->compute(first_step(stage));
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  });
}

void TileProduct::store(const Regs& words, Value* slot) {
  auto from = words.begin();
  for (Staging* operand : {&left_, &right_}) {
    if (operand->is_copied()) continue;
    const auto end = from + static_cast<ptrdiff_t>(operand->words());
    operand->store(Regs(from, end), place_.memory, slot);
    from = end;
  }
}

// All but the last stages that were begun are there, for all threads.
void TileProduct::meet() {
  wait_for_copies(f_, tile_.stages - 2);
  machine_.barrier(f_);
}

Value* TileProduct::next_slot(Value* slot) {
  const int64_t end = tile_.stages * tile_.stage_bytes();
  Value* next = f_.b.CreateAdd(slot, i32(tile_.stage_bytes()));
  return f_.b.CreateSelect(f_.b.CreateICmpEQ(next, i32(end)), i32(0), next);
}

TileProduct::Carried TileProduct::begin() {
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

void TileProduct::load(Carried& c, Value* slot, int64_t step) const {
  c.left = left_.matrices(place_.memory, slot, step);
  c.right = right_.matrices(place_.memory, slot, step);
}

Regs TileProduct::run_stages() {
  const Carried start = begin();
  const Regs end = emit_for(
      f_, f_.i64(0), stages_, 1, flat(start),
      [&](Value* stage, const Regs& r) { return flat(run_stage(stage, unflattened(r, start))); });
  wait_for_copies(f_, 0);
  machine_.barrier(f_);
  return unflattened(end, start).sums;
}

// While the units multiply, the stage after those that wait is on its way.
TileProduct::Carried TileProduct::run_stage(Value* stage, Carried c) {
  Value* coming = f_.b.CreateAdd(stage, f_.i64(tile_.stages - 1));
  start_copies(coming, c.write);
  const Regs words = compute(coming);
  for (int64_t step = 0; step < steps_; ++step) {
    const Carried now = c;
    const bool is_last = step + 1 == steps_;
    if (is_last) {
      store(words, c.write);
      c.write = next_slot(c.write);
      c.read = next_slot(c.read);
      meet();
    }
    load(c, c.read, is_last ? 0 : step + 1);
    c.sums = multiply_all(now);
  }
  return c;
}

Regs TileProduct::multiply_all(const Carried& c) {
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

Regs TileProduct::flat(const Carried& c) {
  Regs all = c.sums;
  for (const Vec<Regs>* side : {&c.left, &c.right}) {
    for (const Regs& r : *side) all.insert(all.end(), r.begin(), r.end());
  }
  all.push_back(c.read);
  all.push_back(c.write);
  return all;
}

TileProduct::Carried TileProduct::unflattened(const Regs& all, const Carried& like) {
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

// ---- Results ------------------------------------------------------------------------------------

// The place of a sum of this warp's part of the tile, of part number `part` of the depth.
Value* TileProduct::place(Value* part, Value* row, Value* column) const {
  Value* at = f_.b.CreateAdd(f_.b.CreateMul(row, i32(tile_.pitch())), column);
  Value* warp = f_.b.CreateAdd(f_.b.CreateMul(part, i32(tile_.side_warps())), warp_);
  at = f_.b.CreateAdd(f_.b.CreateMul(warp, i32(sums_of_warp())), at);
  return f_.b.CreateGEP(f_.b.getFloatTy(), place_.memory, at);
}

void TileProduct::put_sums(const Regs& sums) {
  Value* row = f_.b.CreateUDiv(lane_, i32(4));
  Value* column = f_.b.CreateMul(f_.b.CreateURem(lane_, i32(4)), i32(2));
  auto* pair = llvm::FixedVectorType::get(f_.b.getFloatTy(), 2);
  const int64_t across = tile_.warp_columns / kUnitColumns;
  for (size_t i = 0; i < sums.size(); i += 2) {
    const auto unit = static_cast<int64_t>(i / 4);
    const int64_t down = unit / across * kUnitRows + static_cast<int64_t>(i % 4) * 4;
    Value* two = f_.b.CreateInsertElement(llvm::PoisonValue::get(pair), sums[i], f_.b.getInt32(0));
    two = f_.b.CreateInsertElement(two, sums[i + 1], f_.b.getInt32(1));
    Value* to = place(depth_part_, f_.b.CreateAdd(row, i32(down)),
                      f_.b.CreateAdd(column, i32(unit % across * kUnitColumns)));
    f_.tag(f_.b.CreateAlignedStore(two, to, llvm::Align(8)), Function::kScratch);
  }
}

void TileProduct::write_results(const Regs& sums, const Finish& finish) {
  put_sums(sums);
  machine_.barrier(f_);
  if (is_whole()) return write_all(finish, Exists::kSurely);
  if (!has_whole_runs()) return write_all(finish, Exists::kMaybe);
  Value* rows = f_.b.CreateAdd(place_.first_row, f_.i64(tile_.rows));
  Value* columns = f_.b.CreateAdd(place_.first_column, f_.i64(tile_.columns));
  Value* is_inside = f_.b.CreateAnd(f_.b.CreateICmpSLE(rows, count_of(f_, loops_.rows)),
                                    f_.b.CreateICmpSLE(columns, count_of(f_, loops_.columns)));
  emit_if(f_, is_inside, [&] { write_all(finish, Exists::kSurely); });
  emit_if(f_, f_.b.CreateNot(is_inside), [&] { write_all(finish, Exists::kMaybe); });
}

// A thread has eight columns of a row at a time; warps that share a part of the tile take turns. Where all of them are there,
// several are under way at once.
void TileProduct::write_all(const Finish& finish, Exists exists) {
  const int64_t runs = tile_.warp_rows * tile_.warp_columns / kRun;
  const int64_t turn = kReductionLanes * tile_.depth_warps;
  const int64_t at_once = exists == Exists::kSurely ? std::min<int64_t>(4, runs / turn) : 1;
  Value* first = f_.b.CreateAdd(lane_, f_.b.CreateMul(depth_part_, i32(kReductionLanes)));
  emit_for(f_, wide(first), f_.i64(runs), turn * at_once, [&](Value* i) {
    for (int64_t n = 0; n < at_once; ++n) {
      write_run(f_.b.CreateAdd(narrow(i), i32(n * turn)), finish, exists);
    }
  });
}

void TileProduct::write_run(Value* run, const Finish& finish, Exists exists) {
  const int64_t across = tile_.warp_columns / kRun;
  Value* row_of_warp = f_.b.CreateUDiv(run, i32(across));
  Value* column_of_warp = f_.b.CreateMul(f_.b.CreateURem(run, i32(across)), i32(kRun));
  Value* from = place(i32(0), row_of_warp, column_of_warp);
  Value* row = f_.b.CreateAdd(place_.first_row, wide(f_.b.CreateAdd(warp_row_, row_of_warp)));
  Value* column =
      f_.b.CreateAdd(place_.first_column, wide(f_.b.CreateAdd(warp_column_, column_of_warp)));
  const auto finish_run = [&] {
    const Point at = spread(f_, place_.batch, loops_.rows, row);
    for (int64_t e = 0; e < kRun; ++e) {
      const auto finish_one = [&] {
        finish(at_run(f_, at, loops_.columns, column, e, exists), sum_at(from, e));
      };
      if (has_whole_runs()) finish_one();
      if (!has_whole_runs()) emit_if(f_, is_column(f_.b.CreateAdd(column, f_.i64(e))), finish_one);
    }
  };
  if (exists == Exists::kSurely) return finish_run();
  Value* is_row = f_.b.CreateICmpSLT(row, count_of(f_, loops_.rows));
  emit_if(f_, f_.b.CreateAnd(is_row, is_column(column)), finish_run);
}

// Whether no tile goes beyond the result.
bool TileProduct::is_whole() const {
  const std::optional<int64_t> rows = points_of(loops_.rows).constant(),
                               columns = points_of(loops_.columns).constant();
  return has_whole_runs() && rows && columns && *rows % tile_.rows == 0 &&
         *columns % tile_.columns == 0;
}

// Whether eight columns from a multiple of eight on are all there or none.
bool TileProduct::has_whole_runs() const {
  return !loops_.columns.empty() && loops_.columns.back().extent.constant().value_or(1) % kRun == 0;
}

Value* TileProduct::is_column(Value* column) {
  return f_.b.CreateICmpSLT(column, count_of(f_, loops_.columns));
}

// Of the parts of the depth, one after the other.
Value* TileProduct::sum_at(Value* from, int64_t element) {
  Value* sum = nullptr;
  for (int64_t part = 0; part < tile_.depth_warps; ++part) {
    const int64_t at_part = part * tile_.side_warps() * sums_of_warp();
    Value* own = f_.b.CreateGEP(f_.b.getFloatTy(), from, i32(at_part + element));
    auto* load = f_.b.CreateLoad(f_.b.getFloatTy(), own);
    f_.tag(load, Function::kScratch);
    sum = sum ? f_.b.CreateFAdd(sum, load) : load;
  }
  return sum;
}

}  // namespace rlx::backend::cuda
