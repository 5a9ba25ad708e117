// Code for "conv.winograd" (winograd.h): one function, whose tiles of work transform, multiply and transform back.
#include <llvm/IR/Constants.h>

#include "backend/cpu/machine.h"
#include "backend/cpu/winograd.h"
#include "backend/llvm/emit_access.h"
#include "image/image.h"

namespace rlx::backend::cpu {
namespace {

using llvm::Value;
using Matrix = Winograd::Matrix;

// Vectors of f32 times the matrices of minimal filtering, which are told apart by the pairs in them: the points p
// and -p give rows of B', and columns of A', that differ in signs alone.
class Combiner {
 public:
  explicit Combiner(Function& f) : f_(f) {}

  // Pairs of rows share what is equal in them and what is opposite.
  Regs rows_times(const Matrix& t, const Regs& x) {
    Regs out;
    for (size_t i = 0; i < t.size(); ++i) {
      if (i + 1 == t.size() || !is_pair(t[i], t[i + 1])) {
        out.push_back(sum(terms(t[i], x)));
        continue;
      }
      Terms equal, opposite;
      for (size_t j = 0; j < x.size(); ++j) {
        if (t[i][j] != 0) (t[i][j] == t[i + 1][j] ? equal : opposite).push_back({t[i][j], x[j]});
      }
      Value *same = sum(equal), *other = sum(opposite);
      out.push_back(fn(Fn::kAdd, {same, other}));
      out.push_back(fn(Fn::kSub, {same, other}));
      ++i;
    }
    return out;
  }

  // Pairs of columns are added and subtracted once.
  Regs columns_times(const Matrix& t, const Regs& x) {
    Vec<Terms> rows(t.size());
    for (size_t j = 0; j < x.size(); ++j) {
      const bool pair = j + 1 < x.size() && is_pair(column(t, j), column(t, j + 1));
      Value* sum = pair ? fn(Fn::kAdd, {x[j], x[j + 1]}) : x[j];
      Value* difference = pair ? fn(Fn::kSub, {x[j], x[j + 1]}) : nullptr;
      for (size_t i = 0; i < t.size(); ++i) {
        const bool opposite = pair && t[i][j] != t[i][j + 1];
        if (t[i][j] != 0) rows[i].push_back({t[i][j], opposite ? difference : sum});
      }
      j += pair ? 1 : 0;
    }
    Regs out;
    for (const Terms& row : rows) out.push_back(sum(row));
    return out;
  }

 private:
  struct Term {
    double factor;
    Value* x;
  };
  using Terms = Vec<Term>;

  static bool is_pair(const Vec<double>& a, const Vec<double>& b) {
    return a != b && std::ranges::equal(a, b, [](double x, double y) { return x == y || x == -y; });
  }

  static Vec<double> column(const Matrix& t, size_t j) {
    Vec<double> out;
    for (const Vec<double>& row : t) out.push_back(row[j]);
    return out;
  }

  static Terms terms(const Vec<double>& row, const Regs& x) {
    Terms out;
    for (size_t j = 0; j < x.size(); ++j) {
      if (row[j] != 0) out.push_back({row[j], x[j]});
    }
    return out;
  }

  // One with the factor 1 first, where there is one.
  Value* sum(Terms terms) {
    std::ranges::stable_partition(terms, [](const Term& t) { return t.factor == 1; });
    Value* acc = nullptr;
    for (const Term& t : terms) acc = acc ? plus(acc, t) : times(t);
    return acc;
  }

  Value* times(const Term& t) {
    return t.factor == 1 ? t.x : fn(Fn::kMul, {number(t.factor), t.x});
  }

  Value* plus(Value* acc, const Term& t) {
    if (t.factor == 1) return fn(Fn::kAdd, {acc, t.x});
    if (t.factor == -1) return fn(Fn::kSub, {acc, t.x});
    return fn(Fn::kFma, {number(t.factor), t.x, acc});
  }

  Value* number(double value) {
    return splat(f_, emit_scalar(f_, Scalar::of(DType::kF32, value)), kLanes);
  }

  Value* fn(Fn fn, Regs args) { return emit_fn(f_, fn, DType::kF32, DType::kF32, std::move(args)); }

  Function& f_;
};

class WinogradEmitter {
 public:
  WinogradEmitter(Function& f, const WinogradShape& shape)
      : f_(f), k_(f.kernel), s_(shape), side_(s_.matrices().points), combiner_(f) {
    const RefOptions options{.lane_loop = s_.loops.out_channel.id, .lanes = kLanes};
    for (const Stage& stage : k_.stages) refs_.push_back(resolve(k_, stage, options));
    find_image();
    find_weights();
  }

  void run() {
    emit_for(f_, f_.first, f_.last, 1, [&](Value* t) { work(t); });
  }

 private:
  // Where a square begins in the image, over the loops of batch and pixels.
  void find_image() {
    Access corner = k_.stages[0].reads[s_.loops.image];
    corner.index[1].dim = 0;
    for (size_t i = 0; i < 2; ++i) {
      corner.index[i + 2].dim = Dim::loop(s_.loops.pixel[i].id) - s_.loops.pads[i];
    }
    const Arg& arg = k_.args[corner.tensor];
    corner_ = address_of(corner, arg, ranges_of(k_, k_.stages.data(), {}));
    for (int i = 0; i < 2; ++i) {
      std::optional<Dim> stride = axis_stride(arg, i + 2);
      RLX_CHECK(stride, "an image's rows are not evenly apart");
      steps_[static_cast<size_t>(i)] = *stride;
    }
  }

  // Panels by points by channels, which may be padded.
  void find_weights() {
    const Arg& arg = k_.args[weights()];
    const Vec<Dim> strides = physical_strides(arg.storage, arg.shape);
    int64_t* const steps[] = {&panel_step_, &row_step_, &column_step_, &channel_step_};
    for (size_t i = 0; i < std::size(steps); ++i) *steps[i] = *strides[i].constant();
    first_weight_ = *storage_offset(arg.storage, arg.shape, Vec<Dim>(4, 0)).constant();
  }

  void work(Value* t) {
    Value* blocks = dim(s_.blocks);
    first_ = f_.b.CreateMul(f_.b.CreateURem(t, blocks), f_.i64(s_.tile.squares()));
    transform_image();
    Value* lo = f_.b.CreateMul(f_.b.CreateUDiv(t, blocks), f_.i64(s_.tile.panels));
    panels(lo, smaller(f_.b.CreateAdd(lo, f_.i64(s_.tile.panels)), f_.i64(s_.panels)));
  }

  // Whole vectors of columns, as many at a time as a register tile has; then one by one.
  void panels(Value* lo, Value* hi) {
    const int64_t vectors = s_.tile.vectors;
    Value* whole = smaller(hi, f_.i64(s_.loops.columns / kLanes));
    Value* tiles = f_.b.CreateSDiv(f_.b.CreateSub(whole, lo), f_.i64(vectors));
    tiles = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, tiles, f_.i64(0));
    Value* end = f_.b.CreateAdd(lo, f_.b.CreateMul(tiles, f_.i64(vectors)));
    emit_for(f_, lo, end, vectors, [&](Value* p) { tile(p, vectors, nullptr); });
    if (s_.loops.columns % (kLanes * vectors) == 0) return;
    emit_for(f_, end, hi, 1, [&](Value* p) {
      Value* left = f_.b.CreateSub(f_.i64(s_.loops.columns), f_.b.CreateMul(p, f_.i64(kLanes)));
      tile(p, 1, s_.loops.columns % kLanes == 0 ? nullptr : smaller(left, f_.i64(kLanes)));
    });
  }

  // `remaining` columns of a last panel, null: all.
  void tile(Value* p, int64_t vectors, Value* remaining) {
    emit_for(f_, f_.i64(0), f_.i64(s_.points()), 1, [&](Value* point) {
      emit_for(f_, f_.i64(0), f_.i64(s_.tile.squares()), s_.tile.rows,
               [&](Value* square) { multiply(p, point, square, vectors); });
    });
    Value* there = f_.b.CreateSub(dim(s_.squares), first_);
    emit_for(f_, f_.i64(0), smaller(there, f_.i64(s_.tile.squares())), 1, [&](Value* square) {
      emit_for(f_, f_.i64(0), f_.i64(vectors), 1, [&](Value* v) {
        transform_back(square, v);
        Value* column = f_.b.CreateMul(f_.b.CreateAdd(p, v), f_.i64(kLanes));
        results(origin(square), column, remaining);
      });
    });
  }

  // ---- Squares ----------------------------------------------------------------------------------

  // Where its results begin. Past the end it is the last one.
  Point origin(Value* square) {
    Value* last = f_.b.CreateSub(dim(s_.squares), f_.i64(1));
    Value* linear = smaller(f_.b.CreateAdd(first_, square), last);
    Point at;
    for (size_t i = 2; i-- > 0;) {
      Value* extent = dim(s_.squares_along[i]);
      Value* index = f_.b.CreateURem(linear, extent);
      at.loops[s_.loops.pixel[i].id] = f_.b.CreateMul(index, f_.i64(s_.tile.results));
      linear = f_.b.CreateUDiv(linear, extent);
    }
    at.loops[s_.loops.batch.id] = linear;
    return at;
  }

  void transform_image() {
    emit_for(f_, f_.i64(0), f_.i64(s_.tile.squares()), 1, [&](Value* square) {
      Value* offset = emit_dim(f_, origin(square), corner_);
      Value* corner = at_f32(f_.buffer(image()), offset);
      auto transform = [&](Value* channel, int64_t count) {
        Value* from = at_f32(corner, channel);
        transform_channels(from, at_f32(image_at(nullptr, square), channel), count);
      };
      const int64_t rest = s_.loops.channels % kLanes, whole = s_.loops.channels - rest;
      emit_for(f_, f_.i64(0), f_.i64(whole), kLanes,
               [&](Value* channel) { transform(channel, kLanes); });
      if (rest != 0) transform(f_.i64(whole), rest);
    });
  }

  // So many channels from the image into scratch, where a whole vector of them has room.
  void transform_channels(Value* from, Value* to, int64_t count) {
    Vec<Regs> columns;
    for (int64_t x = 0; x < side_; ++x) {
      Regs column;
      for (int64_t y = 0; y < side_; ++y) {
        Value* down = at_f32(from, dim(steps_[0] * y));
        column.push_back(load_some(at_f32(down, dim(steps_[1] * x)), image(), count));
      }
      columns.push_back(combiner_.rows_times(s_.matrices().image, column));
    }
    for (int64_t y = 0; y < side_; ++y) {
      const Regs row = combiner_.rows_times(s_.matrices().image, across(columns, y));
      for (int64_t x = 0; x < side_; ++x) {
        const int64_t point = y * side_ + x;
        store(row[static_cast<size_t>(x)], at_f32(to, f_.i64(point * s_.image_point())));
      }
    }
  }

  static Regs across(const Vec<Regs>& columns, int64_t y) {
    Regs row;
    for (const Regs& column : columns) row.push_back(column[static_cast<size_t>(y)]);
    return row;
  }

  // ---- Products ---------------------------------------------------------------------------------

  // A register tile of one point: `vectors` panels from p on.
  void multiply(Value* p, Value* point, Value* square, int64_t vectors) {
    Value* left = image_at(point, square);
    Regs right;
    for (int64_t v = 0; v < vectors; ++v) right.push_back(panel(p, v, point));
    constexpr int64_t kUnroll = 4;
    const int64_t whole = s_.loops.channels / kUnroll * kUnroll;
    Regs sums(static_cast<size_t>(s_.tile.rows * vectors), llvm::Constant::getNullValue(vector()));
    sums = emit_for(f_, f_.i64(0), f_.i64(whole), kUnroll, sums, [&](Value* k, Regs now) {
      for (int64_t u = 0; u < kUnroll; ++u) {
        now = step(left, right, f_.b.CreateAdd(k, f_.i64(u)), std::move(now));
      }
      return now;
    });
    for (int64_t k = whole; k < s_.loops.channels; ++k) {
      sums = step(left, right, f_.i64(k), std::move(sums));
    }
    park(sums, point, square, vectors);
  }

  Value* panel(Value* p, int64_t v, Value* point) {
    Value* panel = f_.b.CreateMul(f_.b.CreateAdd(p, f_.i64(v)), f_.i64(panel_step_));
    Value* row = f_.b.CreateMul(f_.b.CreateUDiv(point, f_.i64(side_)), f_.i64(row_step_));
    Value* column = f_.b.CreateMul(f_.b.CreateURem(point, f_.i64(side_)), f_.i64(column_step_));
    Value* start = at_f32(f_.buffer(weights()), f_.i64(first_weight_));
    return at_f32(at_f32(at_f32(start, panel), row), column);
  }

  Regs step(Value* left, const Regs& right, Value* k, Regs sums) {
    Regs columns;
    for (Value* p : right) columns.push_back(load(moved_by(p, k, channel_step_), weights()));
    for (int64_t r = 0; r < s_.tile.rows; ++r) {
      Value* at = at_f32(at_f32(left, f_.i64(r * s_.image_row())), k);
      llvm::LoadInst* element = f_.b.CreateAlignedLoad(f_.b.getFloatTy(), at, llvm::Align(4));
      f_.tag(element, Function::kScratch);
      Value* x = splat(f_, element, kLanes);
      for (size_t v = 0; v < columns.size(); ++v) {
        Value*& acc = sums[static_cast<size_t>(r) * columns.size() + v];
        acc = emit_fn(f_, Fn::kFma, DType::kF32, DType::kF32, {x, columns[v], acc});
      }
    }
    return sums;
  }

  void park(const Regs& sums, Value* point, Value* square, int64_t vectors) {
    Value* base = products_at(point, square);
    for (int64_t r = 0; r < s_.tile.rows; ++r) {
      for (int64_t v = 0; v < vectors; ++v) {
        store(sums[static_cast<size_t>(r * vectors + v)],
              at_f32(base, f_.i64(r * s_.product_row() + v * kLanes)));
      }
    }
  }

  // ---- Results ----------------------------------------------------------------------------------

  // A square's results for vector v of the register tile, into scratch.
  void transform_back(Value* square, Value* v) {
    Value* base = moved_by(products_at(nullptr, square), v, kLanes);
    Vec<Regs> columns;
    for (int64_t x = 0; x < side_; ++x) {
      Regs column;
      for (int64_t y = 0; y < side_; ++y) {
        Value* point = f_.i64((y * side_ + x) * s_.product_point());
        column.push_back(load(at_f32(base, point), Function::kScratch));
      }
      columns.push_back(combiner_.columns_times(s_.matrices().result, column));
    }
    for (int64_t y = 0; y < s_.tile.results; ++y) {
      const Regs row = combiner_.columns_times(s_.matrices().result, across(columns, y));
      for (size_t x = 0; x < row.size(); ++x) {
        store(row[x], result(f_.i64(y * s_.tile.results + static_cast<int64_t>(x))));
      }
    }
  }

  Value* result(Value* index) { return moved_by(scratch(s_.results_at()), index, kLanes); }

  // Of the square at `corner`, those that there are, through the epilogue.
  void results(const Point& corner, Value* column, Value* remaining) {
    auto there = [&](size_t i) {
      Value* begin = corner.loops.at(s_.loops.pixel[i].id);
      return smaller(f_.b.CreateSub(dim(s_.loops.pixel[i].extent), begin), f_.i64(s_.tile.results));
    };
    emit_for(f_, f_.i64(0), there(0), 1, [&](Value* y) {
      emit_for(f_, f_.i64(0), there(1), 1, [&](Value* x) {
        Value* index = f_.b.CreateAdd(f_.b.CreateMul(y, f_.i64(s_.tile.results)), x);
        Value* sum = load(result(index), Function::kScratch);
        epilogue(moved(moved(corner, 0, y), 1, x), column, remaining, sum);
      });
    });
  }

  Point moved(const Point& at, size_t i, Value* by) {
    const LoopId loop = s_.loops.pixel[i].id;
    return at.with(loop, f_.b.CreateAdd(at.loops.at(loop), by));
  }

  void epilogue(const Point& at, Value* column, Value* remaining, Value* sum) {
    const LoopId loop = s_.loops.out_channel.id;
    const Point lanes = with_some_lanes(f_, at, loop, kLanes, column, remaining);
    Regs locals(k_.locals.size());
    emit_results(f_, refs_[0], lanes, locals, {sum});
    for (size_t s = 1; s < refs_.size(); ++s) emit_map(f_, refs_[s], lanes, locals);
  }

  // ---- Memory -----------------------------------------------------------------------------------

  uint32_t image() const { return k_.stages[0].reads[s_.loops.image].tensor; }
  uint32_t weights() const { return k_.stages[0].reads[s_.loops.weights].tensor; }

  // A square's channels and products at a point, null: the first.
  Value* image_at(Value* point, Value* square) {
    Value* p = scratch(0);
    if (point) p = moved_by(p, point, s_.image_point());
    return moved_by(p, square, s_.image_row());
  }
  Value* products_at(Value* point, Value* square) {
    Value* p = scratch(s_.products_at());
    if (point) p = moved_by(p, point, s_.product_point());
    return moved_by(p, square, s_.product_row());
  }
  Value* moved_by(Value* p, Value* index, int64_t step) {
    return at_f32(p, f_.b.CreateMul(index, f_.i64(step)));
  }

  Value* dim(const Dim& d) {
    return f_.at_entry([&] { return emit_dim(f_, {}, d); });
  }
  Value* smaller(Value* x, Value* y) {
    return f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, y);
  }

  llvm::Type* vector() { return llvm::FixedVectorType::get(f_.b.getFloatTy(), kLanes); }
  Value* at_f32(Value* p, Value* index) { return f_.b.CreateGEP(f_.b.getFloatTy(), p, index); }
  Value* scratch(int64_t bytes) {
    return f_.b.CreateConstInBoundsGEP1_64(f_.b.getInt8Ty(), f_.scratch,
                                           static_cast<uint64_t>(image::kTrapBytes + bytes));
  }

  Value* load(Value* p, uint32_t tensor) {
    llvm::LoadInst* v = f_.b.CreateAlignedLoad(vector(), p, llvm::Align(4));
    f_.tag(v, tensor);
    return v;
  }
  // The first lanes; the others are 0.
  Value* load_some(Value* p, uint32_t tensor, int64_t count) {
    if (count == kLanes) return load(p, tensor);
    llvm::Type* lanes = llvm::FixedVectorType::get(f_.b.getInt1Ty(), kLanes);
    Value* mask = f_.b.CreateIntrinsic(llvm::Intrinsic::get_active_lane_mask,
                                       {lanes, f_.b.getInt64Ty()}, {f_.i64(0), f_.i64(count)});
    llvm::CallInst* v = f_.b.CreateMaskedLoad(vector(), p, llvm::Align(4), mask,
                                              llvm::Constant::getNullValue(vector()));
    f_.tag(v, tensor);
    return v;
  }
  void store(Value* v, Value* p) {
    f_.tag(f_.b.CreateAlignedStore(v, p, llvm::Align(64)), Function::kScratch);
  }

  Function& f_;
  const Kernel& k_;
  const WinogradShape& s_;
  // Points of a side of a square.
  int64_t side_;
  Combiner combiner_;
  Vec<StageRefs> refs_;
  Dim corner_;
  // Elements between rows and columns of the image.
  std::array<Dim, 2> steps_;
  // Elements between panels, points and channels of the weights, and before them.
  int64_t panel_step_ = 0, row_step_ = 0, column_step_ = 0, channel_step_ = 0, first_weight_ = 0;
  // Of the tile of work: its first square.
  Value* first_ = nullptr;
};

}  // namespace

Work emit_winograd(const Job& job) {
  const X86 machine(job.target);
  Kernel k = job.planned.kernel;
  for (Stage& s : k.stages) expand_math(s);
  Function f(job.module, job.name, k, job.symbols, machine);
  const std::optional<WinogradLoops> loops = winograd_loops(k);
  RLX_CHECK(loops, "a kernel that is no convolution by 3 x 3 was given squares");
  const WinogradShape s = winograd_shape(*loops, winograd_tile(job.planned.choice));
  WinogradEmitter(f, s).run();
  f.finish();
  return {s.blocks * s.panel_blocks, image::kTrapBytes + s.scratch_bytes(), f.features()};
}

}  // namespace rlx::backend::cpu
