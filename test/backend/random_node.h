// Random kernels of one node, or of products and rows fused: what tests of the menu run in every way.
#pragma once
#include <catch2/catch.hpp>

#include <array>
#include <random>

#include "ir/builder.h"
#include "kernel/detail.h"
#include "op/conv.h"
#include "op/conv_transpose.h"
#include "op/gemm.h"
#include "op/layer_normalization.h"
#include "op/max_pool.h"
#include "op/softmax.h"
#include "plan/fuse.h"
#include "plan/in_place.h"
#include "plan/split.h"
#include "plan/split_depth.h"
#include "target/menu.h"
#include "test/backend/data.h"

namespace rlx::test {

class RandomNode {
 public:
  explicit RandomNode(unsigned seed) : random_(seed) {}

  // A kernel with row-major arguments.
  Kernel make() {
    if (below(6) == 0) return row_products();
    Result<ValueId> made = node();
    if (!made) FAIL(to_text(made.error()));
    auto k = lower(g_, g_[*made].def.node);
    if (!k) FAIL(to_text(k.error()));
    for (Arg& a : k->args) a.constant = std::count(constants_.begin(), constants_.end(), a.value);
    if (type_ == DType::kF32 && below(4) == 0) retype(*k, DType::kI32);
    if (compute_type(type_) == DType::kF32 && below(4) == 0) mix_operands(*k);
    if (below(3) == 0 || type_ == DType::kI32) widen_operands(*k);
    if (below(3) != 0) add_epilogue(*k);
    if (below(2) == 0) cut_into_runs(*k);
    return std::move(*k);
  }

  // Any storage, some of them padded.
  Storage storage(const Arg& a) {
    size_t rank = a.shape.size();
    Vec<int> order;
    for (size_t i = 0; i < rank; ++i) order.push_back(static_cast<int>(i));
    if (below(2) == 0) std::shuffle(order.begin(), order.end(), random_);
    Storage s = Storage::ordered(order);
    if (rank == 0 || below(3) != 0) return s;
    s.fill = Scalar::of(a.dtype, is_sub_byte(a.dtype) ? 0 : pick({0, 3}));
    s.padding[below(rank)] = {pick<int64_t>({0, 1, 2}), pick<int64_t>({0, 1, 3}),
                              pick<int64_t>({1, 4, 16})};
    return s;
  }

  // One that meets the need.
  Storage storage(const Arg& a, const Need& need) {
    for (int tries = 0; tries < 3; ++tries) {
      Storage s = storage(a);
      if (need.is_met_by(s)) return s;
    }
    Storage s = need.wanted(static_cast<int>(a.shape.size()));
    Storage more = s;
    if (!more.padding.empty() && more.fill) {
      AxisPadding& p = more.padding[below(more.padding.size())];
      p.lo += pick<int64_t>({0, 1}), p.hi += pick<int64_t>({0, 2});
      if (need.is_met_by(more)) return more;
    }
    return s;
  }

  // Now and then a result takes the place of an operand.
  void replace_an_operand(Kernel& k, const Alternative& row) {
    if (!row.writes_once || below(3) == 0) return;
    for (size_t from = 0; from < k.args.size(); ++from) {
      for (size_t to = 0; to < k.args.size(); ++to) {
        if (can_replace(k, row, from, to)) return replace(k.args[from], k.args[to]);
      }
    }
  }

  // Some arguments become boxes of a bigger tensor, where what their algorithm needs allows it: with neighbours
  // that nobody may touch.
  void add_frames(Kernel& k, const Vec<Need>& needs) {
    for (size_t i = 0; i < k.args.size(); ++i) {
      if (below(3) == 0) add_frame(k.args[i], needs[i], static_cast<uint32_t>(i));
    }
    if (below(2) == 0) put_side_by_side(k, needs);
  }

  const Symbols& symbols() const { return symbols_; }

 private:
  static bool can_replace(const Kernel& k, const Alternative& row, size_t from, size_t to) {
    const Arg &x = k.args[from], &y = k.args[to];
    const bool alike = !x.written && y.written && !x.constant && !x.frame && !y.frame &&
                       x.dtype == y.dtype && x.shape == y.shape;
    return alike && x.storage.is_plain() && row.needs[to].is_met_by(x.storage) &&
           may_replace(k, from, to);
  }

  static void replace(Arg& x, Arg& y) {
    y.storage = x.storage;
    x.frame = y.frame = ArgFrame{200, x.shape, x.storage, Vec<Dim>(x.shape.size(), 0)};
  }

  void add_frame(Arg& a, const Need& need, uint32_t memory) {
    if (a.constant || a.shape.empty() || !a.storage.is_plain() || is_sub_byte(a.dtype)) return;
    ArgFrame f{memory, a.shape, a.storage, Vec<Dim>(a.shape.size(), 0)};
    for (size_t axis = 0; axis < a.shape.size(); ++axis) {
      if (below(2) == 0) continue;
      f.start[axis] = below(4) == 0 ? open(3) : Dim(pick<int64_t>({0, 1, 5, 8, 16}));
      f.shape[axis] = f.start[axis] + a.shape[axis] + pick<int64_t>({0, 1, 7, 16});
    }
    try_frame(a, need, std::move(f));
  }

  static bool try_frame(Arg& a, const Need& need, ArgFrame f) {
    const Storage own = storage_of(Box{f.start, a.shape}, f.storage, f.shape);
    if (!need.is_met_by(own)) return false;
    a.storage = own;
    a.frame = std::move(f);
    return true;
  }

  // What is read and what is written, one behind the other in one memory.
  void put_side_by_side(Kernel& k, const Vec<Need>& needs) {
    Arg* written = nullptr;
    for (Arg& a : k.args) {
      if (a.written) written = &a;
    }
    const auto to = static_cast<size_t>(written - k.args.data());
    for (size_t i = 0; i < k.args.size(); ++i) {
      Arg& read = k.args[i];
      const bool alike = !read.written && !read.constant && !read.frame && !written->frame &&
                         read.dtype == written->dtype && !read.shape.empty() &&
                         read.shape == written->shape && read.storage.is_plain();
      if (!alike) continue;
      const size_t axis = below(read.shape.size());
      ArgFrame f{100, read.shape, read.storage, Vec<Dim>(read.shape.size(), 0)};
      f.shape[axis] = read.shape[axis] * 2;
      ArgFrame behind = f;
      behind.start[axis] = read.shape[axis];
      const Arg before = read;
      if (!try_frame(read, needs[i], std::move(f))) continue;
      if (!try_frame(*written, needs[to], std::move(behind))) read = before;
    }
  }

  size_t below(size_t n) { return random_() % n; }
  template <class T>
  T pick(std::initializer_list<T> items) {
    return items.begin()[below(items.size())];
  }

  // Around one, the vector and the tiles; sometimes open.
  Dim extent() {
    int64_t n = pick<int64_t>({1, 1, 2, 3, 5, 6, 7, 8, 14, 15, 16, 16, 17, 31, 32, 33, 40, 100});
    if (below(4) != 0) return n;
    return open(n);
  }

  Dim closed() { return pick<int64_t>({1, 2, 3, 8, 15, 16, 17, 24, 33, 40}); }

  Dim open(int64_t n) {
    std::string name = "s" + std::to_string(symbols_.size());
    symbols_[name] = n;
    g_.symbol(name);
    return Dim::symbol(name);
  }

  ValueId input(Vec<Dim> shape, bool weight = false) {
    bool is_closed = std::all_of(shape.begin(), shape.end(),
                                 [](const Dim& d) { return d.constant().has_value(); });
    ValueId v = g_.add_input(Type::tensor(type_, std::move(shape)), "x");
    if (weight && is_closed && below(3) != 0) constants_.push_back(v);
    return v;
  }

  Result<ValueId> node() {
    if (below(2) == 0) type_ = pick({DType::kF64, DType::kF16, DType::kBF16});
    const size_t kind = below(8);
    const bool any_number = kind < 4;
    if (any_number && below(4) == 0) {
      type_ = pick({DType::kI8, DType::kU16, DType::kI32, DType::kU32, DType::kI64, DType::kU64});
    }
    switch (kind) {
      case 0:
      case 1:
      case 2: return matmul();
      case 3: return gemm();
      case 4:
      case 5: return conv();
      case 6: return below(2) == 0 ? conv() : conv_transpose();
      default: return row();
    }
  }

  GraphBuilder builder() { return {g_, Graph::kTop, {"/node"}}; }

  // Rows, columns and depth of a product; some have one row, and more columns than a tile.
  std::array<Dim, 3> product() {
    if (below(4) != 0) return {extent(), extent(), extent()};
    return {1, pick<int64_t>({1, 16, 31, 64, 128, 150, 192, 263}), closed()};
  }

  Result<ValueId> matmul() {
    auto [m, n, k] = product();
    Vec<Dim> a = {m, k}, b = {k, n};
    if (below(3) == 0) a.insert(a.begin(), pick<int64_t>({2, 3}));
    if (a.size() == 3 && below(2) == 0) b.insert(b.begin(), a[0]);
    ValueId left = input(a), right = input(b, true);
    return builder().add1("matmul", {left, right});
  }

  // A product, the softmax of its rows and a product of these, or two of the three, as one kernel.
  Kernel row_products() {
    const auto [m, n, k] = product();
    Vec<Dim> a = {m, k}, b = {k, n}, c = {n, closed()};
    if (below(2) == 0) {
      for (Vec<Dim>* shape : {&a, &b, &c}) shape->insert(shape->begin(), 2);
    }
    const size_t parts = below(3);
    ValueId rows;
    if (parts == 0) {
      rows = input(a.size() == 3 ? Vec<Dim>{2, m, n} : Vec<Dim>{m, n});
    } else {
      const ValueId left = input(a), right = input(b, true);
      rows = product_of(left, right);
    }
    Vec<ValueId> values = {rows};
    auto softmax = builder().add1(attrs(ops::Softmax{}), {rows});
    if (!softmax) FAIL(to_text(softmax.error()));
    values.push_back(*softmax);
    if (parts != 1) values.push_back(product_of(*softmax, input(c, true)));
    if (parts == 0) values.erase(values.begin());
    return fused(values);
  }

  ValueId product_of(ValueId left, ValueId right) {
    auto made = builder().add1("matmul", {left, right});
    if (!made) FAIL(to_text(made.error()));
    return *made;
  }

  // The kernel that makes the last of the values, each from the one before.
  Kernel fused(const Vec<ValueId>& values) {
    std::optional<Unit> all;
    for (size_t i = 0; i < values.size(); ++i) {
      auto k = lower(g_, g_[values[i]].def.node);
      if (!k) FAIL(to_text(k.error()));
      Unit next{std::move(*k), {}};
      if (all) {
        auto both = fuse(*all, next, values[i - 1], [&](ValueId v) { return v == values[i]; });
        if (!both) FAIL(to_text(both.error()) << to_text(all->kernel) << to_text(next.kernel));
        next = std::move(*both);
      }
      all = std::move(next);
    }
    for (Arg& a : all->kernel.args) a.constant = std::ranges::count(constants_, a.value) != 0;
    return std::move(all->kernel);
  }

  Result<ValueId> gemm() {
    auto [m, n, k] = product();
    ops::Gemm o;
    o.transA = below(2), o.transB = below(2);
    if (below(3) == 0) o.alpha = 0.5F;
    ValueId a = input(o.transA ? Vec<Dim>{k, m} : Vec<Dim>{m, k});
    ValueId b = input(o.transB ? Vec<Dim>{n, k} : Vec<Dim>{k, n}, true);
    Values inputs = {a, b};
    if (below(2) == 0) inputs.push_back(input(pick({Vec<Dim>{n}, Vec<Dim>{m, n}, Vec<Dim>{m, 1}})));
    return builder().add1(attrs(o), inputs);
  }

  Result<ValueId> conv() {
    if (type_ == DType::kF32 && below(2) == 0) return conv_by_three();
    ops::Conv o;
    Dim channels = closed(), per_group = channels, out = closed();
    if (below(3) == 0) {
      o.group = *channels.constant(), per_group = 1, out = channels * pick<int64_t>({1, 2});
    } else if (below(4) == 0) {
      // Several groups a vector.
      o.group = pick<int64_t>({4, 8, 16}), per_group = pick<int64_t>({1, 2, 3, 4});
      channels = per_group * o.group, out = pick<int64_t>({16, 32, 48});
    } else if (below(4) == 0) {
      // Whole vectors of channels are tiled, others are not.
      if (below(2) == 0) out = 16 * (1 + static_cast<int64_t>(below(3)));
      o.group = 2, per_group = channels, channels = channels * 2, out = out * 2;
    }
    return over_axes(o, channels, {out, per_group}, out);
  }

  Result<ValueId> conv_transpose() {
    ops::ConvTranspose o;
    const Dim channels = closed(), out = below(2) == 0 ? closed() : Dim(16);
    o.group = below(4) == 0 ? *channels.constant() : 1;
    return over_axes(o, channels, {channels, out}, out * o.group);
  }

  // With one or two axes of pixels, and often a bias; w begins with its channels.
  template <class Attributes>
  Result<ValueId> over_axes(Attributes o, const Dim& channels, Vec<Dim> w, const Dim& out) {
    Vec<Dim> x = {below(3) == 0 ? open(2) : Dim(pick<int64_t>({1, 2})), channels};
    for (size_t axes = 1 + below(2); axes-- > 0;) {
      const int64_t size = pick<int64_t>({5, 7, 12, 17});
      x.push_back(below(5) == 0 ? open(size) : Dim(size));
      w.emplace_back(pick<int64_t>({1, 2, 3, 4}));
      o.strides.push_back(pick<int64_t>({1, 1, 2, 3}));
      o.dilations.push_back(pick<int64_t>({1, 1, 2}));
      o.pads.push_back(pick<int64_t>({0, 1, 2}));
    }
    for (size_t axes = w.size(); axes-- > 2;) o.pads.push_back(pick<int64_t>({0, 1, 2}));
    if constexpr (requires { o.output_padding; }) o.output_padding.assign(w.size() - 2, below(2));
    Values inputs = {input(x), input(w, true)};
    if (below(2) == 0) inputs.push_back(input({out}, true));
    return builder().add1(attrs(o), inputs);
  }

  // What may run in squares.
  Result<ValueId> conv_by_three() {
    ops::Conv o;
    o.pads = {pick<int64_t>({0, 1, 2}), pick<int64_t>({0, 1, 3}), pick<int64_t>({0, 1, 2}), 1};
    const Dim channels = closed(), out = closed();
    Vec<Dim> x = {below(3) == 0 ? open(2) : Dim(pick<int64_t>({1, 2, 3})), channels};
    for (int i = 0; i < 2; ++i) {
      const int64_t size = pick<int64_t>({2, 3, 5, 7, 8, 12, 17});
      x.push_back(below(5) == 0 ? open(size) : Dim(size));
    }
    const ValueId image = input(x), weights = input({out, channels, 3, 3}, true);
    return builder().add1(attrs(o), {image, weights});
  }

  Result<ValueId> row() {
    Vec<Dim> shape = {extent(), extent()};
    if (below(2) == 0) shape.insert(shape.begin(), pick<int64_t>({1, 2, 3}));
    auto axis = static_cast<int64_t>(below(shape.size()));
    switch (below(4)) {
      case 0: return builder().add1(attrs(ops::Softmax{.axis = axis}), {input(shape)});
      case 1: {
        Vec<Dim> row(shape.begin() + axis, shape.end());
        ValueId x = input(shape), scale = input(row);
        return builder().add1(attrs(ops::LayerNormalization{.axis = axis}), {x, scale});
      }
      case 2: {
        ops::MaxPool o;
        o.kernel_shape = {3, 2}, o.pads = {1, 0, 1, 1}, o.strides = {1, pick<int64_t>({1, 2})};
        Vec<Dim> image = {pick<int64_t>({1, 2}), closed(), pick<int64_t>({5, 9}),
                          pick<int64_t>({6, 17})};
        ValueId x = input(image);
        auto all = builder().add(attrs(o), {x}, 1);
        if (!all) return std::move(all.error());
        return all->front();
      }
      default: {
        ValueId x = input(shape);
        auto b = builder();
        return b.add1("reduce_sum", {x, b.i64s({axis})});
      }
    }
  }

  // Sums and rows in runs, more of them than there are steps now and then.
  void cut_into_runs(Kernel& k) {
    for (Stage& s : k.stages) {
      if (!order_of(s)) continue;
      const Dim parts = below(4) == 0 ? open(3) : Dim(pick<int64_t>({2, 3, 5}));
      std::visit([&](auto& d) { set_parts(d, parts); }, s.detail);
      settle_order(s);
    }
    if (below(2) == 0) return;
    // The reduction of runs apart, or what merges them.
    auto halves = halves_of(k, {ValueId(3000u), ValueId(3001u), ValueId(3002u)});
    if (halves) k = std::move(below(4) == 0 ? halves->merged : halves->runs);
  }

  template <class Detail>
  static void set_parts(Detail& detail, const Dim& parts) {
    if constexpr (requires { detail.order; }) detail.order.parts = parts;
  }

  // ---- Operands of products ---------------------------------------------------------------------

  static ExprId cast_to(Body& body, ExprId e, DType type) {
    if (body[e.index].type == type) return e;
    return add(body, {.fn = Fn::kCast, .type = type, .args = {e}});
  }

  // Replaces the operands of a product.
  template <class F>
  static void change_operands(Kernel& k, F change) {
    Stage& s = k.stages[0];
    if (operands(s).empty()) return;
    const Vec<ExprId> old = operands(s);
    Vec<ExprId> changed;
    for (size_t i = 0; i < old.size(); ++i) changed.push_back(change(s, i, old[i]));
    size_t next = 0;
    visit_detail(s, [&](ExprId& id) { id = changed[next++]; });
    remove_unused(k);
    if (s.kind() == Kind::kContract) split_depth(k, s);
  }

  // A product of another type, whatever it was lowered from.
  void retype(Kernel& k, DType to) {
    if (operands(k.stages[0]).empty()) return;
    auto change = [&](DType& t) { t = t == type_ ? to : t; };
    for (Arg& a : k.args) change(a.dtype);
    for (Local& l : k.locals) change(l.dtype);
    for (Stage& s : k.stages) {
      visit_detail(s, change);
      for (Access& a : s.reads) {
        for (Bounds& b : a.bounds) {
          if (b.rule == Bounds::Rule::kFill) b.fill = Scalar::of(to, b.fill.as_double());
        }
      }
      for (Expr& e : s.body) {
        if (e.fn == Fn::kConst && e.type == type_) e.scalar = Scalar::of(to, e.scalar.as_double());
        change(e.type);
      }
    }
    type_ = to;
  }

  // The operands become elements of any floats, converted.
  void mix_operands(Kernel& k) {
    change_operands(k, [&](Stage& s, size_t, ExprId operand) {
      return converted(k, s, operand, pick({DType::kF32, DType::kF16, DType::kBF16}));
    });
  }

  // What the operand loads first, of another type, converted.
  static ExprId converted(Kernel& k, Stage& s, ExprId operand, DType type) {
    const DType acc = s.body[operand.index].type;
    const uint32_t read = loaded_reads(s, operand)[0];
    Access& a = s.reads[read];
    k.args[a.tensor].dtype = type;
    for (Bounds& b : a.bounds) {
      if (b.rule == Bounds::Rule::kFill) b.fill = Scalar::of(type, b.fill.as_double());
    }
    for (Expr& e : s.body) {
      if (e.fn == Fn::kLoad && e.index == read) e.type = type;
    }
    const ExprId load = add(s.body, {.fn = Fn::kLoad, .type = type, .index = read});
    return cast_to(s.body, load, acc);
  }

  // The operands become expressions: of bytes with a zero point, scaled, shifted, cut off, chosen.
  void widen_operands(Kernel& k) {
    change_operands(k, [&](Stage& s, size_t i, ExprId operand) {
      const DType acc = s.body[operand.index].type;
      ExprId x = operand;
      if (below(acc == DType::kI32 ? 10 : 3) != 1) {
        x = converted(k, s, operand, pick({DType::kI8, DType::kU8, DType::kI4, DType::kU4}));
        if (below(3) == 0 || (i == 1 && below(2) == 0)) return x;
        const ExprId zero = number(s.body, acc, static_cast<double>(below(20)));
        x = add(s.body, {.fn = Fn::kSub, .type = acc, .args = {x, zero}});
      }
      for (size_t n = below(acc == DType::kI32 ? 2 : 3); n-- > 0;) {
        x = widened(k, s, x, loops_of(k, i));
      }
      return x;
    });
  }

  static ExprId number(Body& body, DType type, double value) {
    return add(body, {.fn = Fn::kConst, .type = type, .scalar = Scalar::of(type, value)});
  }

  // Loops that what an operand loads besides may use.
  static Vec<Loop> loops_of(const Kernel& k, size_t operand) {
    const Stage& s = k.stages[0];
    Vec<LoopId> ids;
    if (s.kind() == Kind::kConv) {
      const Conv& c = s.conv();
      ids = {c.in_channel, operand == 0 ? c.batch : c.out_channel};
    } else {
      const Contract& c = s.contract();
      ids = operand == 0 ? c.m : c.n;
      for (const auto* more : {&c.k, &c.batch}) ids.insert(ids.end(), more->begin(), more->end());
    }
    Vec<Loop> loops;
    for (const Vec<Loop>* all : {&k.grid, &s.loops}) {
      for (const Loop& l : *all) {
        if (std::ranges::count(ids, l.id)) loops.push_back(l);
      }
    }
    return loops;
  }

  ExprId widened(Kernel& k, Stage& s, ExprId x, const Vec<Loop>& loops) {
    const DType acc = s.body[x.index].type;
    const ExprId c = number(s.body, acc, static_cast<double>(below(3)));
    switch (below(5)) {
      case 0: return add(s.body, {.fn = Fn::kMul, .type = acc, .args = {x, c}});
      case 1: return add(s.body, {.fn = Fn::kMax, .type = acc, .args = {x, c}});
      case 2: {
        const ExprId less = add(s.body, {.fn = Fn::kLt, .type = DType::kBool, .args = {x, c}});
        const ExprId sum = add(s.body, {.fn = Fn::kAdd, .type = acc, .args = {x, c}});
        return add(s.body, {.fn = Fn::kSelect, .type = acc, .args = {less, sum, x}});
      }
      default: break;
    }
    const DType type = pick({acc, acc, DType::kI8, DType::kU4, DType::kBool});
    const ExprId y = cast_to(s.body, load_along(k, s, type, loops), acc);
    return add(s.body, {.fn = pick({Fn::kMul, Fn::kAdd, Fn::kSub}), .type = acc, .args = {x, y}});
  }

  // Of a sum's loop, how many steps have one number; 1 for others.
  int64_t block_of(const Stage& s, const Loop& l) {
    const bool summed = s.kind() == Kind::kContract && std::ranges::count(s.contract().k, l.id);
    const int64_t block = pick<int64_t>({1, 4, 8});
    return summed && exact_div(l.extent, block) ? block : 1;
  }

  // An element of a new argument, indexed by some of the loops in any order.
  ExprId load_along(Kernel& k, Stage& s, DType type, Vec<Loop> loops) {
    std::shuffle(loops.begin(), loops.end(), random_);
    loops.resize(std::min(loops.size(), below(3)));
    Arg arg{.name = "%" + std::to_string(70 + k.args.size()),
            .value = ValueId(static_cast<uint32_t>(2000 + k.args.size())),
            .dtype = type,
            .constant = below(2) == 0};
    Access read{.tensor = static_cast<uint32_t>(k.args.size())};
    for (const Loop& l : loops) {
      arg.constant &= l.extent.constant().has_value();
      const int64_t block = block_of(s, l);
      arg.shape.push_back(*exact_div(l.extent, block));
      read.index.push_back({.dim = floor_div(Dim::loop(l.id), block)});
      read.bounds.emplace_back();
    }
    arg.storage = Storage::row_major(static_cast<int>(loops.size()));
    k.args.push_back(std::move(arg));
    s.reads.push_back(std::move(read));
    const auto index = static_cast<uint32_t>(s.reads.size() - 1);
    return add(s.body, {.fn = Fn::kLoad, .type = type, .index = index});
  }

  // The output becomes a local, and a map behind it makes the output: what fusion makes of an elementwise
  // reader.
  void add_epilogue(Kernel& k) {
    Stage& last = k.stages.back();
    if (!last.loops.empty() && last.kind() == Kind::kMap) return;
    if (last.kind() == Kind::kScan || last.writes.size() != 1) return;
    Access out = last.writes[0];
    if (out.of != Access::Of::kArg || is_read(k, out.tensor)) return;
    const DType type = k.args[out.tensor].dtype;
    const DType inner = is_float(type) && size_of(type) == 2 ? DType::kF32 : type;
    k.locals.push_back({.dtype = type});
    auto local = static_cast<uint32_t>(k.locals.size() - 1);
    last.writes[0] = {.of = Access::Of::kLocal, .tensor = local};
    Stage s;
    s.name = last.name + "e";
    s.origin = {"/epilogue"};
    auto load = [&](Access a) {
      s.reads.push_back(std::move(a));
      ExprId e =
          add(s.body,
              {.fn = Fn::kLoad, .type = type, .index = static_cast<uint32_t>(s.reads.size() - 1)});
      return inner == type ? e : add(s.body, {.fn = Fn::kCast, .type = inner, .args = {e}});
    };
    ExprId x = load({.of = Access::Of::kLocal, .tensor = local});
    if (below(2) == 0) {
      Arg residual = k.args[out.tensor];
      residual.name = "%" + std::to_string(90 + k.args.size());
      residual.value = ValueId(static_cast<uint32_t>(1000 + k.args.size()));
      residual.written = false;
      k.args.push_back(residual);
      Access read = out;
      read.tensor = static_cast<uint32_t>(k.args.size() - 1);
      x = add(s.body, {.fn = Fn::kAdd, .type = inner, .args = {x, load(read)}});
    }
    Fn fn = pick({Fn::kMax, Fn::kMul, Fn::kAdd});
    ExprId c = add(s.body, {.fn = Fn::kConst, .type = inner, .scalar = Scalar::of(inner, 0.5)});
    x = add(s.body, {.fn = fn, .type = inner, .args = {x, c}});
    if (inner != type) x = add(s.body, {.fn = Fn::kCast, .type = type, .args = {x}});
    s.writes = {out};
    s.results = {x};
    k.stages.push_back(std::move(s));
  }

  static bool is_read(const Kernel& k, uint32_t arg) {
    for (const Stage& s : k.stages) {
      for (const Access& a : s.reads) {
        if (a.of == Access::Of::kArg && a.tensor == arg) return true;
      }
    }
    return false;
  }

  std::mt19937 random_;
  Graph g_;
  DType type_ = DType::kF32;
  Values constants_;
  Symbols symbols_;
};

}  // namespace rlx::test
