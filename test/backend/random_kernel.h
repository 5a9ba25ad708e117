// Kernels made at random from a seed: orders and paddings of storages, broadcasts, windows, rows and types in
// every mixture.
#pragma once
#include <algorithm>
#include <cmath>
#include <random>

#include "test/backend/data.h"

namespace rlx::test {

class RandomKernel {
 public:
  explicit RandomKernel(unsigned seed) : random_(seed) {}

  Kernel make() {
    k_.name = "random";
    type_ = pick({DType::kF32, DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kI8});
    size_t rank = 1 + below(4);
    for (size_t i = 0; i < rank; ++i) {
      extents_.push_back(extent());
      k_.grid.push_back({.id = new_loop(), .extent = extents_.back()});
    }
    if (below(2) == 0) add_windows();
    if (below(2) == 0) add_row();
    add_map();
    k_.loop_count = loops_;
    return std::move(k_);
  }

  const Symbols& symbols() const { return symbols_; }

 private:
  size_t below(size_t n) { return random_() % n; }
  template <class T>
  T pick(std::initializer_list<T> items) {
    return items.begin()[below(items.size())];
  }
  LoopId new_loop() { return LoopId(loops_++); }

  // A constant or a symbol.
  Dim extent() {
    int64_t n = pick<int64_t>({1, 2, 3, 5, 8, 16, 17, 33});
    if (below(3) != 0) return n;
    std::string name = "s" + std::to_string(symbols_.size());
    symbols_[name] = n;
    return Dim::symbol(name);
  }

  // Axes in any order, some of them padded.
  Storage storage(size_t rank) {
    Vec<int> order;
    for (size_t i = 0; i < rank; ++i) order.push_back(static_cast<int>(i));
    if (below(2) == 0) std::shuffle(order.begin(), order.end(), random_);
    Storage s = Storage::ordered(order);
    if (rank == 0 || below(2) == 0) return s;
    s.fill = Scalar::of(type_, pick({0, 3}));
    AxisPadding& p = s.padding[below(rank)];
    p = {pick<int64_t>({0, 1, 2}), pick<int64_t>({0, 1, 3}), pick<int64_t>({1, 4, 16})};
    return s;
  }

  uint32_t add_arg(const Vec<Dim>& shape, bool written) {
    Arg a;
    a.name = "%" + std::to_string(k_.args.size());
    a.value = ValueId(k_.args.size());
    a.dtype = type_;
    a.shape = shape;
    a.storage = storage(shape.size());
    a.written = written;
    k_.args.push_back(std::move(a));
    return static_cast<uint32_t>(k_.args.size() - 1);
  }

  uint32_t add_local(Vec<Dim> shape) {
    Local l;
    l.dtype = type_;
    l.shape = std::move(shape);
    k_.locals.push_back(std::move(l));
    return static_cast<uint32_t>(k_.locals.size() - 1);
  }

  static Access access(Access::Of of, uint32_t tensor, const Vec<Dim>& index) {
    Access a{.of = of, .tensor = tensor};
    for (const Dim& d : index) a.index.push_back({.dim = d});
    a.bounds.resize(index.size());
    return a;
  }

  Stage stage() {
    Stage s;
    s.name = "%" + std::to_string(k_.stages.size()) + ".0";
    s.origin = {"/node"};
    return s;
  }

  ExprId load(Stage& s, Access a) {
    s.reads.push_back(std::move(a));
    auto read = static_cast<uint32_t>(s.reads.size() - 1);
    return add(s.body, {.fn = Fn::kLoad, .type = type_, .index = read});
  }

  ExprId binary(Stage& s, Fn fn, ExprId a, ExprId b) {
    return add(s.body, {.fn = fn, .type = type_, .args = {a, b}});
  }

  // An input indexed by some of the loops in some order; others broadcast.
  ExprId load_input(Stage& s, const Vec<Loop>& loops) {
    Vec<Dim> shape, index;
    for (const Loop& l : loops) {
      if (below(4) == 0) continue;
      shape.push_back(l.extent);
      index.push_back(Dim::loop(l.id));
    }
    for (size_t i = shape.size(); i > 1; --i) {
      size_t other = below(i);
      std::swap(shape[i - 1], shape[other]);
      std::swap(index[i - 1], index[other]);
    }
    return load(s, access(Access::Of::kArg, add_arg(shape, false), index));
  }

  // Which rule the tests of bounds take: any that needs no proof.
  Bounds outside() {
    Bounds b;
    b.rule = pick({Bounds::Rule::kFill, Bounds::Rule::kFill, Bounds::Rule::kClamp,
                   Bounds::Rule::kReflect, Bounds::Rule::kWrap});
    if (b.rule == Bounds::Rule::kFill) b.fill = Scalar::of(type_, pick({0, 3}));
    return b;
  }

  // A reduction of windows of an input around each grid point.
  void add_windows() {
    Stage s = stage();
    size_t windows = 1 + below(2);
    for (size_t i = 0; i < windows; ++i) {
      s.loops.push_back({.id = new_loop(), .extent = pick<int64_t>({1, 2, 3, 17})});
    }
    Vec<Dim> index;
    for (const Loop& l : k_.grid) index.push_back(Dim::loop(l.id));
    Access a = access(Access::Of::kArg, add_arg(extents_, false), index);
    for (const Loop& l : s.loops) {
      size_t axis = below(extents_.size());
      Dim moved =
          a.index[axis].dim + Dim::loop(l.id) * pick<int64_t>({1, 2}) - pick<int64_t>({0, 1});
      a.index[axis].dim = moved;
      a.bounds[axis] = outside();
    }
    reduce(s, load(s, std::move(a)), pick({Fn::kAdd, Fn::kMax}));
  }

  // Ends a reduction stage with one sum, or the like, of x.
  void reduce(Stage& s, ExprId x, Fn fn) {
    double identity = fn == Fn::kAdd ? 0 : -1e300;
    ExprId acc = add(s.body, {.fn = Fn::kAcc, .type = type_, .index = 0});
    Reduction r;
    for (const Loop& l : s.loops) r.over.push_back(l.id);
    r.acc = {type_};
    r.init = {is_float(type_) && fn == Fn::kMax
                  ? Scalar::of(type_, -INFINITY)
                  : Scalar::of(type_, fn == Fn::kAdd ? identity : -9)};
    r.combine = {binary(s, fn, acc, x)};
    if (below(3) == 0) r.order.parts = below(2) == 0 ? extent() : Dim(pick<int64_t>({2, 3, 7}));
    s.detail = std::move(r);
    settle_order(s);
    uint32_t local = add_local({});
    s.writes.push_back(access(Access::Of::kLocal, local, {}));
    s.results = {acc};
    k_.stages.push_back(std::move(s));
    scalars_.push_back(local);
  }

  // A row that one stage writes and two later ones read, one of them in another order.
  void add_row() {
    Dim length = extent();
    uint32_t row = add_local({length});
    Stage first = stage();
    first.loops = {{.id = new_loop(), .extent = length}};
    Vec<Loop> all = k_.grid;
    all.push_back(first.loops[0]);
    ExprId x = load_input(first, all);
    first.writes.push_back(access(Access::Of::kLocal, row, {Dim::loop(first.loops[0].id)}));
    first.results = {binary(first, Fn::kAdd, x, x)};
    k_.stages.push_back(std::move(first));

    Stage sum = stage();
    sum.loops = {{.id = new_loop(), .extent = length}};
    Dim i = Dim::loop(sum.loops[0].id);
    Dim at = below(2) == 0 ? i : length - 1 - i;
    ExprId y = load(sum, access(Access::Of::kLocal, row, {at}));
    reduce(sum, y, pick({Fn::kAdd, Fn::kMax}));
  }

  void add_map() {
    Stage s = stage();
    ExprId x = load_input(s, k_.grid);
    for (size_t i = below(3); i > 0; --i) {
      x = binary(s, pick({Fn::kAdd, Fn::kMul, Fn::kMin, Fn::kSub}), x, load_input(s, k_.grid));
    }
    for (uint32_t local : scalars_) {
      x = binary(s, Fn::kAdd, x, load(s, access(Access::Of::kLocal, local, {})));
    }
    Vec<Dim> index;
    for (const Loop& l : k_.grid) index.push_back(Dim::loop(l.id));
    s.writes.push_back(access(Access::Of::kArg, add_arg(extents_, true), index));
    s.results = {x};
    k_.stages.push_back(std::move(s));
  }

  std::mt19937 random_;
  Kernel k_;
  DType type_ = DType::kF32;
  Vec<Dim> extents_;
  // Locals of rank 0.
  Vec<uint32_t> scalars_;
  Symbols symbols_;
  uint32_t loops_ = 0;
};

}  // namespace rlx::test
