// Runs kernels by strips: a tile of the grid's points at a time, stage after stage, one node of a
// body for up to kStrip points.
//
// Loops up to the last sequential one run in order, point by point; the parallel ones inside of it
// make up the tiles. Loops of a stage that are not reduced over join the tile's points in strips;
// those that are run in sequence, so that each point sees its elements in the order that kernel.h
// states. A loop that says which run of a reduction is at hand runs point by point too: the points of a
// strip share their steps.
#include "kernel/interpreter.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "kernel/accessor.h"
#include "kernel/codes.h"
#include "kernel/detail.h"
#include "kernel/eval.h"

namespace rlx {
namespace {

// What a tile's locals may take.
constexpr int64_t kMostLocalBytes = int64_t{16} << 20;

Kernel with_numbers(Kernel k, const std::map<std::string, int64_t>& symbols) {
  std::map<std::string, Dim> values(symbols.begin(), symbols.end());
  auto bind = [&](Dim& d) { d = substitute_symbols(d, values); };
  for (Arg& a : k.args) {
    std::ranges::for_each(a.shape, bind);
    if (!a.frame) continue;
    std::ranges::for_each(a.frame->shape, bind);
    std::ranges::for_each(a.frame->start, bind);
  }
  for (Local& l : k.locals) std::ranges::for_each(l.shape, bind);
  for (Loop& l : k.grid) bind(l.extent);
  for (Stage& s : k.stages) {
    for (Loop& l : s.loops) bind(l.extent);
    for (Vec<Access>* accesses : {&s.reads, &s.writes}) {
      for (Access& a : *accesses) {
        for (AxisIndex& index : a.index) bind(index.dim);
      }
    }
    for (Expr& e : s.body) bind(e.dim);
    visit_detail(s, bind);
    expand_math(s);
  }
  return k;
}

// ---- Loops ------------------------------------------------------------------------------------

struct Nest {
  Vec<LoopId> ids;
  Vec<int64_t> extents;

  size_t size() const { return ids.size(); }
  int64_t points() const {
    int64_t points = 1;
    for (const int64_t e : extents) points *= e;
    return points;
  }
  void append(LoopId id, int64_t extent) {
    ids.push_back(id);
    extents.push_back(extent);
  }
};

// Loops first, ..., end - 1 of the list; their extents have to be numbers.
Result<Nest> nest_of(const Vec<Loop>& loops, size_t first, size_t end) {
  Nest nest;
  for (size_t i = first; i < end; ++i) {
    auto extent = loops[i].extent.constant();
    if (!extent) {
      return Error(kNotInterpreted, "a loop's extent changes: " + to_text(loops[i].extent));
    }
    nest.append(loops[i].id, std::max<int64_t>(*extent, 0));
  }
  return nest;
}

// Steps [first, last) of a loop.
struct Range {
  int64_t first = 0, last = 0;
};

// Elements of any dtype.
using Column = Vec<uint64_t>;

std::byte* bytes_of(Column& c) { return reinterpret_cast<std::byte*>(c.data()); }

void fill_all(std::byte* out, const Scalar& s, int64_t count) {
  const int64_t size = size_of(s.dtype);
  for (int64_t i = 0; i < count; ++i) to_bytes(s, out + i * size);
}

// The points of the grid at hand: one of the outer loops, some of the inner.
struct Tile {
  Nest outer, inner;
  int64_t outer_point = 0, first = 0, points = 0;

  // Calls f with each outer loop and its value.
  template <class F>
  void each_outer(F f) const {
    int64_t point = outer_point;
    for (size_t l = outer.size(); l-- > 0;) {
      f(outer.ids[l], point % outer.extents[l]);
      point /= outer.extents[l];
    }
  }

  // Puts the strip at its homes in the tile.
  void place(Strip& strip) const {
    each_outer([&](LoopId id, int64_t value) { strip.set(id, value); });
    const std::span<const int64_t> homes = strip.homes();
    int64_t inside = 1;
    for (size_t l = inner.size(); l-- > 0;) {
      const std::span<int64_t> values = strip.values(inner.ids[l]);
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = (first + homes[i]) / inside % inner.extents[l];
      }
      inside *= inner.extents[l];
    }
  }
};

// What the accumulators of a reduce or scan are.
struct Accumulated {
  const Vec<DType>& types;
  const Vec<Scalar>& init;
  const Vec<ExprId>& next;
};

// ---- A stage ----------------------------------------------------------------------------------

// Runs one stage for the points of a tile.
class StageRun {
 public:
  StageRun(const Stage& s, const Tile& tile, Strip& strip, Accessor& accessor)
      : s_(s), tile_(tile), strip_(strip), accessor_(accessor) {
    values_.resize(s.body.size());
    columns_.resize(s.body.size());
    Vec<ExprId> roots = s.results;
    for (const Access& a : s.writes) append_indexes(a, roots);
    written_ = needed(s, roots);
  }

  Status run() {
    return std::visit([&](const auto& d) { return run(d); }, s_.detail);
  }

 private:
  // ---- Strips ---------------------------------------------------------------------------------

  // Calls f for strips of all points of the tile times `loops`.
  template <class F>
  Status each_strip(const Nest& loops, F f) {
    const int64_t points = tile_.points * loops.points();
    for (int64_t first = 0; first < points; first += kStrip) {
      set_strip(loops, first, std::min(kStrip, points - first));
      RLX_TRY_VOID(f());
    }
    return {};
  }

  size_t points() const { return static_cast<size_t>(strip_.count()); }

  // The tile's points are the innermost of the strip's.
  void set_strip(const Nest& loops, int64_t first, int64_t count) {
    strip_.set_count(count);
    const std::span<int64_t> homes = strip_.homes();
    for (size_t i = 0; i < homes.size(); ++i) {
      homes[i] = (first + static_cast<int64_t>(i)) % tile_.points;
    }
    tile_.place(strip_);
    int64_t inside = tile_.points;
    for (size_t l = loops.size(); l-- > 0;) {
      const std::span<int64_t> values = strip_.values(loops.ids[l]);
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = (first + static_cast<int64_t>(i)) / inside % loops.extents[l];
      }
      inside *= loops.extents[l];
    }
  }

  // Calls f at each point of the loops from `depth` on, which all points of the strip share.
  template <class F>
  Status each_step(const Nest& loops, size_t depth, const F& f) {
    return depth == loops.size() ? f() : each_step(loops, depth, {0, loops.extents[depth]}, f);
  }

  // The same for some steps of the first of them.
  template <class F>
  Status each_step(const Nest& loops, size_t depth, const Range& steps, const F& f) {
    for (int64_t i = steps.first; i < steps.last; ++i) {
      strip_.set(loops.ids[depth], i);
      RLX_TRY_VOID(each_step(loops, depth + 1, f));
    }
    return {};
  }

  // ---- Runs -----------------------------------------------------------------------------------

  // The steps of the outermost loop that is summed over, run by run.
  Vec<Range> runs(const Nest& over) {
    const Order* order = order_of(s_);
    if (!order || !order->is_cut()) return {{0, over.size() > 0 ? over.extents[0] : 1}};
    if (order->run) return {range_of(*order->run)};
    Vec<Range> all;
    for (int64_t run = 0; run < *order->parts.constant(); ++run) all.push_back(range_of(run));
    return all;
  }

  Range range_of(const Dim& run) {
    const Steps steps = steps_of_run(s_, run);
    return {shared(steps.first), shared(steps.last)};
  }

  // What is the same at all points of the strip.
  int64_t shared(const Dim& d) {
    std::array<int64_t, kStrip> values;
    strip_.evaluate(d, values.data());
    return values[0];
  }

  // The accumulators of all runs, merged in their order; reduce(steps) gives those of one.
  template <class F>
  Result<Vec<Column>> merged_runs(const Nest& over, const Vec<DType>& types, F reduce) {
    Vec<Column> merged;
    for (const Range& steps : runs(over)) {
      RLX_TRY(Vec<Column> acc, reduce(steps));
      if (merged.empty()) {
        merged = std::move(acc);
      } else {
        merge(*merges_of(s_), types, merged, acc);
      }
    }
    return merged;
  }

  // What is merged takes in the others.
  void merge(const Vec<Fn>& merges, const Vec<DType>& types, Vec<Column>& into, Vec<Column>& from) {
    for (size_t i = 0; i < merges.size(); ++i) {
      std::byte* merged = bytes_of(into[i]);
      const std::byte* operands[] = {merged, bytes_of(from[i])};
      eval(merges[i], types[i], types[i], operands, merged, strip_.count());
    }
  }

  // ---- Kinds ----------------------------------------------------------------------------------

  Status run(const Map&) {
    RLX_TRY(const Nest loops, nest_of(s_.loops, 0, s_.loops.size()));
    Vec<Column> none;
    return each_strip(loops, [&] { return finish(none); });
  }

  Status run(const Reduction& r) {
    const size_t outer = s_.loops.size() - r.over.size();
    RLX_TRY(const Nest kept, nest_of(s_.loops, 0, outer));
    RLX_TRY(Nest over, nest_of(s_.loops, outer, s_.loops.size()));
    Accumulated a{r.acc, r.init, r.combine};
    Vec<bool> cone = needed(s_, r.combine);
    return each_strip(kept, [&]() -> Status {
      auto reduce = [&](const Range& steps) { return reduced(r, a, cone, over, steps); };
      RLX_TRY(Vec<Column> acc, merged_runs(over, r.acc, reduce));
      return finish(acc);
    });
  }

  // The accumulators of one run.
  Result<Vec<Column>> reduced(const Reduction& r, const Accumulated& a, const Vec<bool>& cone,
                              const Nest& over, const Range& steps) {
    const bool in_lanes = r.order.inner == Order::Inner::kLanes;
    auto lanes = static_cast<size_t>(in_lanes ? kReductionLanes : 1);
    Vec<Vec<Column>> acc(lanes, started(a));
    auto take = [&] {
      const int64_t element = in_lanes ? strip_.values(over.ids.back())[0] : 0;
      return step(a, cone, acc[static_cast<size_t>(element) % lanes]);
    };
    RLX_TRY_VOID(over.size() == 0 ? take() : each_step(over, 0, steps, take));
    if (!in_lanes) return std::move(acc[0]);
    const Vec<Fn> merges = *merges_of(s_);
    for (size_t half = lanes / 2; half > 0; half /= 2) {
      for (size_t i = 0; i < half; ++i) merge(merges, a.types, acc[i], acc[i + half]);
    }
    return std::move(acc[0]);
  }

  Status run(const Scan& s) {
    RLX_TRY(const Nest kept, nest_of(s_.loops, 0, s_.loops.size() - 1));
    RLX_TRY(Nest over, nest_of(s_.loops, s_.loops.size() - 1, s_.loops.size()));
    Accumulated a{s.acc, s.init, s.combine};
    Vec<bool> cone = needed(s_, s.combine);
    int64_t extent = over.extents[0];
    return each_strip(kept, [&]() -> Status {
      Vec<Column> acc = started(a);
      for (int64_t i = 0; i < extent; ++i) {
        strip_.set(s.over, s.reverse ? extent - 1 - i : i);
        if (s.exclusive) RLX_TRY_VOID(finish(acc));
        RLX_TRY_VOID(step(a, cone, acc));
        if (!s.exclusive) RLX_TRY_VOID(finish(acc));
      }
      return {};
    });
  }

  Status run(const Sort& s) {
    const size_t outer = s_.loops.size() - 2;
    RLX_TRY(const Nest kept, nest_of(s_.loops, 0, outer));
    RLX_TRY(const Nest sorted, nest_of(s_.loops, outer, s_.loops.size()));
    return each_strip(kept, [&]() -> Status {
      RLX_TRY(const Vec<Vec<int64_t>> keys, keys_of(s, sorted.extents[1]));
      Vec<Vec<int64_t>> orders;
      for (size_t p = 0; p < points(); ++p) orders.push_back(order_of_keys(keys, p));
      Vec<Column> index(1, Column(points()));
      for (int64_t rank = 0; rank < sorted.extents[0]; ++rank) {
        strip_.set(s.rank, rank);
        auto* at = reinterpret_cast<int64_t*>(bytes_of(index[0]));
        for (size_t p = 0; p < points(); ++p) at[p] = orders[p][static_cast<size_t>(rank)];
        RLX_TRY_VOID(finish(index));
      }
      return {};
    });
  }

  // By element, then by point of the strip.
  Result<Vec<Vec<int64_t>>> keys_of(const Sort& s, int64_t elements) {
    const Vec<bool> cone = needed(s_, {s.key});
    const DType type = s_.body[s.key.index].type;
    Vec<Vec<int64_t>> keys;
    Vec<Column> none;
    for (int64_t i = 0; i < elements; ++i) {
      strip_.set(s.over, i);
      RLX_TRY_VOID(evaluate(cone, none));
      Vec<int64_t> wide(points());
      const std::byte* key[] = {values_[s.key.index]};
      eval(Fn::kCast, type, DType::kI64, key, reinterpret_cast<std::byte*>(wide.data()),
           strip_.count());
      keys.push_back(std::move(wide));
    }
    return keys;
  }

  static Vec<int64_t> order_of_keys(const Vec<Vec<int64_t>>& keys, size_t point) {
    Vec<int64_t> order(keys.size());
    std::iota(order.begin(), order.end(), int64_t{0});
    std::ranges::stable_sort(order, {},
                             [&](int64_t i) { return keys[static_cast<size_t>(i)][point]; });
    return order;
  }

  Status run(const Contract& c) { return run_sum(c.a, c.b, c.acc); }
  Status run(const Conv& c) { return run_sum(c.x, c.w, c.acc); }

  // acc = fma(a, b, acc).
  Status run_sum(ExprId a, ExprId b, DType type) {
    Vec<LoopId> summed = ended_loops(s_);
    RLX_TRY(Nest loops, nest_of(s_.loops, 0, s_.loops.size()));
    Nest kept, over;
    for (size_t i = 0; i < loops.size(); ++i) {
      const bool is_summed = std::find(summed.begin(), summed.end(), loops.ids[i]) != summed.end();
      if (!is_summed) kept.append(loops.ids[i], loops.extents[i]);
    }
    for (const LoopId id : summed) {
      auto at = std::find(loops.ids.begin(), loops.ids.end(), id) - loops.ids.begin();
      over.append(id, loops.extents[static_cast<size_t>(at)]);
    }
    const Vec<bool> factors = needed(s_, {a, b});
    auto summed_up = [&](const Range& steps) -> Result<Vec<Column>> {
      Vec<Column> acc(1, Column(points()));
      auto take = [&] { return add_product(factors, a, b, type, acc); };
      RLX_TRY_VOID(over.size() == 0 ? take() : each_step(over, 0, steps, take));
      return acc;
    };
    return each_strip(kept, [&]() -> Status {
      RLX_TRY(Vec<Column> acc, merged_runs(over, {type}, summed_up));
      return finish(acc);
    });
  }

  Status add_product(const Vec<bool>& factors, ExprId a, ExprId b, DType type, Vec<Column>& acc) {
    RLX_TRY_VOID(evaluate(factors, acc));
    std::byte* sum = bytes_of(acc[0]);
    const std::byte* operands[] = {values_[a.index], values_[b.index], sum};
    eval(Fn::kFma, type, type, operands, sum, strip_.count());
    return {};
  }

  // ---- Accumulators --------------------------------------------------------------------------

  Vec<Column> started(const Accumulated& a) const {
    Vec<Column> columns(a.types.size(), Column(points()));
    for (size_t i = 0; i < columns.size(); ++i) {
      fill_all(bytes_of(columns[i]), a.init[i], strip_.count());
    }
    return columns;
  }

  Status step(const Accumulated& a, const Vec<bool>& cone, Vec<Column>& acc) {
    RLX_TRY_VOID(evaluate(cone, acc));
    next_.resize(acc.size());
    for (size_t i = 0; i < acc.size(); ++i) {
      next_[i].resize(points());
      auto bytes = static_cast<size_t>(bytes_of(a.types[i], strip_.count()));
      std::memcpy(bytes_of(next_[i]), values_[a.next[i].index], bytes);
    }
    acc.swap(next_);
    return {};
  }

  // ---- Nodes ----------------------------------------------------------------------------------

  static void append_indexes(const Access& a, Vec<ExprId>& roots) {
    for (const AxisIndex& index : a.index) {
      if (index.expr) roots.push_back(*index.expr);
    }
  }

  Status evaluate(const Vec<bool>& cone, Vec<Column>& acc) {
    for (size_t i = 0; i < cone.size(); ++i) {
      if (cone[i]) RLX_TRY_VOID(evaluate(i, acc));
    }
    return {};
  }

  Status evaluate(size_t node, Vec<Column>& acc) {
    const Expr& e = s_.body[node];
    if (e.fn == Fn::kAcc) {
      values_[node] = bytes_of(acc[e.index]);
      return {};
    }
    const bool is_new = columns_[node].empty();
    if (is_new) columns_[node].resize(kStrip);
    std::byte* out = bytes_of(columns_[node]);
    values_[node] = out;
    switch (e.fn) {
      case Fn::kConst:
        if (is_new) fill_all(out, e.scalar, kStrip);
        return {};
      case Fn::kIndex: strip_.evaluate(e.dim, reinterpret_cast<int64_t*>(out)); return {};
      case Fn::kLoad: return accessor_.load(s_, s_.reads[e.index], values_, out);
      default: apply(e, out); return {};
    }
  }

  void apply(const Expr& e, std::byte* out) {
    operands_.clear();
    for (const ExprId a : e.args) operands_.push_back(values_[a.index]);
    // The last operand of a select is one of its branches.
    const DType operand = s_.body[e.args.back().index].type;
    eval(e.fn, operand, e.type, operands_, out, strip_.count());
  }

  // Results, then writes.
  Status finish(Vec<Column>& acc) {
    RLX_TRY_VOID(evaluate(written_, acc));
    for (size_t i = 0; i < s_.writes.size(); ++i) {
      const std::byte* values = values_[s_.results[i].index];
      RLX_TRY_VOID(accessor_.store(s_, s_.writes[i], values_, values));
    }
    return {};
  }

  const Stage& s_;
  const Tile& tile_;
  Strip& strip_;
  Accessor& accessor_;
  // What results and writes need.
  Vec<bool> written_;
  // By node: where its values are, and memory for them.
  Columns values_;
  Vec<Column> columns_;
  Vec<Column> next_;
  Vec<const std::byte*> operands_;
};

// ---- A kernel ---------------------------------------------------------------------------------

class Machine {
 public:
  Machine(const Kernel& k, const Vec<std::span<std::byte>>& buffers)
      : k_(k), strip_(k.loop_count), accessor_(k, strip_) {
    RLX_CHECK(buffers.size() == k.args.size(), "not a buffer for each argument of " + k.name);
    for (const std::span<std::byte> buffer : buffers) accessor_.add_arg(buffer);
    for (const Stage& s : k.stages) stages_.emplace_back(s, tile_, strip_, accessor_);
  }

  Status run() {
    size_t inner = k_.grid.size();
    while (inner > 0 && !runs_in_order(k_.grid[inner - 1])) --inner;
    RLX_TRY(tile_.outer, nest_of(k_.grid, 0, inner));
    RLX_TRY(tile_.inner, nest_of(k_.grid, inner, k_.grid.size()));
    const int64_t steps = tile_.outer.points(), points = tile_.inner.points();
    const int64_t most = points_of_tile(points);
    make_locals(most);
    for (tile_.outer_point = 0; tile_.outer_point < steps; ++tile_.outer_point) {
      start_carried();
      for (tile_.first = 0; tile_.first < points; tile_.first += most) {
        tile_.points = std::min(most, points - tile_.first);
        for (StageRun& s : stages_) RLX_TRY_VOID(s.run());
      }
    }
    return {};
  }

 private:
  bool runs_in_order(const Loop& l) const {
    return l.sequential || std::ranges::any_of(k_.stages, [&](const Stage& s) {
             const Order* order = order_of(s);
             return order && order->run && uses_loop(*order->run, l.id);
           });
  }

  // All, where a local lives on from step to step.
  int64_t points_of_tile(int64_t all) const {
    int64_t bytes = 1;
    for (const Local& l : k_.locals) {
      if (!l.carry.empty()) return std::max<int64_t>(all, 1);
      bytes += bytes_of_local(l);
    }
    for (const Stage& s : k_.stages) bytes += bytes_to_sort(s);
    return std::clamp<int64_t>(kMostLocalBytes / bytes, 1, kStrip);
  }

  // Keys and order of a point.
  static int64_t bytes_to_sort(const Stage& s) {
    if (s.kind() != Kind::kSort) return 0;
    return s.loops.back().extent.constant().value_or(0) * 2 * int64_t{sizeof(int64_t)};
  }

  static int64_t bytes_of_local(const Local& l) {
    auto elements = product(l.shape).constant();
    RLX_CHECK(elements, "a local without a fixed extent");
    return bytes_of(l.dtype, *elements);
  }

  void make_locals(int64_t points) {
    for (const Local& l : k_.locals) {
      locals_.emplace_back(static_cast<size_t>(bytes_of_local(l) * points));
      accessor_.add_local(locals_.back());
    }
  }

  // A carried local starts over where all of its loops do.
  void start_carried() {
    for (size_t i = 0; i < k_.locals.size(); ++i) {
      const Local& l = k_.locals[i];
      bool starts = !l.carry.empty();
      tile_.each_outer([&](LoopId id, int64_t value) {
        auto is_over = [id](const Carry& c) { return c.loop == id; };
        if (value != 0 && std::ranges::any_of(l.carry, is_over)) starts = false;
      });
      const int64_t elements = static_cast<int64_t>(locals_[i].size()) / size_of(l.dtype);
      if (starts) fill_all(locals_[i].data(), l.carry[0].init, elements);
    }
  }

  const Kernel& k_;
  Tile tile_;
  Strip strip_;
  Accessor accessor_;
  Vec<StageRun> stages_;
  Vec<Vec<std::byte>> locals_;
};

}  // namespace

Status interpret(const Kernel& k, const std::map<std::string, int64_t>& symbols,
                 const Vec<std::span<std::byte>>& buffers) {
  const Kernel bound = with_numbers(k, symbols);
  return Machine(bound, buffers).run();
}

int64_t buffer_bytes(const Arg& arg, const std::map<std::string, int64_t>& symbols) {
  auto elements = evaluate(memory_elements(arg), symbols);
  RLX_CHECK(elements, "the extent of " + arg.name + " has no value");
  return bytes_of(arg.dtype, *elements);
}

}  // namespace rlx
