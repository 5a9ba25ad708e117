#include "backend/llvm/emit_stage.h"

#include <algorithm>
#include <functional>

#include "backend/llvm/emit_reduce.h"
#include "backend/llvm/emit_sort.h"

namespace rlx::backend {

namespace {

using llvm::Value;

// Short loops of constant extents are written out up to so many steps.
constexpr int64_t kUnrolledSteps = 32;

// Expressions of a step that is written out for all parts of a vector at once, where registers are few.
constexpr size_t kLightNodes = 12;

// What runs in the innermost loop; `part` counts the vectors of one step.
using Inside = llvm::function_ref<Regs(const Point& at, int part, Regs carried)>;

int64_t known_steps(const Vec<Loop>& loops, size_t from) {
  int64_t steps = 1;
  for (size_t i = from; i < loops.size(); ++i) {
    auto n = loops[i].extent.constant();
    if (!n || *n > kUnrolledSteps) return kUnrolledSteps + 1;
    steps *= *n;
  }
  return steps;
}

// The loops of one group.
class LoopNest {
 public:
  LoopNest(Function& f, const Vec<Loop>& loops) : f_(f), loops_(loops) {}

  // Lanes of the innermost loop (1: none), and how many vectors are told apart: the first vector is part 0,
  // the next one part 1, and so on round and round.
  int lanes = 1;
  int parts = 1;
  // Vectors of one step: all parts, or one, after which the parts change places.
  int at_once = 1;
  // Makes the carried values of part 1 those of part 0, and so on round.
  std::function<void(Regs&)> rotate = {};
  // Whether all loops, or the innermost one, are written out step by step.
  bool unrolled = false;
  bool innermost_unrolled = false;
  // Whether the innermost one runs from its last step to the first.
  bool reverse = false;
  // Whether the threads of a warp share the innermost one: each takes every 32nd step.
  bool over_warp = false;
  // A loop of which these steps are run alone, and which is not written out.
  std::optional<size_t> cut = std::nullopt;
  Steps steps = {};

  // Runs loops [depth, end).
  Regs run(size_t depth, size_t end, const Point& at, Regs carried, Inside inside) {
    if (depth == end) return inside(at, 0, std::move(carried));
    const Loop& l = loops_[depth];
    const Steps range = cut == depth ? steps : Steps{0, l.extent};
    bool innermost = depth + 1 == loops_.size();
    if (innermost && lanes > 1) return run_vectors(l.id, range, at, std::move(carried), inside);
    auto step = [&](Value* i, const Regs& c) {
      return run(depth + 1, end, at.with(l.id, i), c, inside);
    };
    if (unrolled || (innermost && innermost_unrolled)) return unroll(l, std::move(carried), step);
    Value *first = emit_dim(f_, at, range.first), *last = emit_dim(f_, at, range.last);
    const bool shared = innermost && over_warp;
    if (shared) first = f_.b.CreateNSWAdd(first, f_.machine.lane(f_));
    const int64_t stride = shared ? kReductionLanes : 1;
    return emit_for(f_, first, last, stride, std::move(carried), [&](Value* i, const Regs& c) {
      const bool back = innermost && reverse;
      return step(back ? f_.b.CreateSub(f_.b.CreateSub(last, i), f_.i64(1)) : i, c);
    });
  }

 private:
  template <class Step>
  Regs unroll(const Loop& l, Regs carried, Step step) {
    const int64_t extent = *l.extent.constant();
    for (int64_t i = 0; i < extent; ++i) carried = step(f_.i64(i), carried);
    return carried;
  }

  // The steps begin at a multiple of all parts.
  Regs run_vectors(LoopId id, const Steps& range, const Point& at, Regs carried, Inside inside) {
    const int64_t round = int64_t{lanes} * parts;
    const Dim whole = floor_div(range.last, round) * round;
    Value *first = emit_dim(f_, at, range.first), *end = emit_dim(f_, at, whole);
    const int64_t step = int64_t{lanes} * at_once;
    carried = emit_for(f_, first, end, step, std::move(carried), [&](Value* i, Regs c) {
      for (int part = 0; part < at_once; ++part) {
        c = inside(with_lanes(f_, at, id, lanes, offset(i, part)), part, std::move(c));
      }
      if (at_once < parts) rotate(c);
      return c;
    });
    for (int part = 0; part < parts; ++part) {
      const Dim rest = range.last - whole - int64_t{part} * lanes;
      carried = run_rest(at, rest, std::move(carried), [&](Value* left, Regs c) {
        Value* base = offset(end, part);
        return inside(with_some_lanes(f_, at, id, lanes, base, left), part, std::move(c));
      });
    }
    return carried;
  }

  Value* offset(Value* i, int part) { return f_.b.CreateNSWAdd(i, f_.i64(int64_t{part} * lanes)); }

  // Runs `tail` with the number of lanes that are left, if any is.
  template <class Tail>
  Regs run_rest(const Point& at, const Dim& rest, Regs carried, Tail tail) {
    if (auto known = rest.constant()) {
      return *known > 0 ? tail(f_.i64(*known), std::move(carried)) : carried;
    }
    Value* left = emit_dim(f_, at, rest);
    return emit_if(f_, f_.b.CreateICmpSGT(left, f_.i64(0)), carried,
                   [&] { return tail(left, carried); });
  }

  Function& f_;
  const Vec<Loop>& loops_;
};

// One group at one point.
class GroupEmitter {
 public:
  GroupEmitter(Function& f, const Grouped& n, const Vec<StageRefs>& refs, const Group& g,
               Regs& locals)
      : f_(f), nest_(n), refs_(refs), group_(g), locals_(locals) {}

  void emit(const Point& at) {
    const size_t kept = kept_loops(refs_, group_);
    const Vec<Loop> outer(loops().begin(), loops().begin() + static_cast<ptrdiff_t>(kept));
    LoopNest nest(f_, outer);
    const bool lanes = kept == loops().size() ? group_.vector : group_.kept_lanes;
    nest.lanes = lanes ? nest_.lanes : 1;
    nest.run(0, kept, at, {}, [&](const Point& p, int, Regs) {
      emit_at(p);
      return Regs();
    });
  }

  void emit_at(const Point& at) {
    const StageRefs& s = refs_[group_.first];
    switch (s.stage->kind()) {
      case Kind::kMap:
      case Kind::kReduce: return emit_shared_loops(at);
      case Kind::kScan: return emit_scan(s, at);
      case Kind::kSort: return emit_sort(s, at);
      case Kind::kContract: return emit_sum(s, at, s.stage->loops);
      case Kind::kConv: return emit_sum(s, at, conv_loops(*s.stage));
    }
  }

 private:
  // Lanes of values outside of the loops over lanes.
  int width() const { return nest_.lanes_in_grid() || group_.kept_lanes ? nest_.lanes : 1; }
  const Vec<Loop>& loops() const { return refs_[group_.first].stage->loops; }

  bool is_reduction(size_t stage) const { return refs_[stage].stage->kind() == Kind::kReduce; }

  // ---- Maps and reductions --------------------------------------------------------------------

  void emit_shared_loops(const Point& at) {
    const size_t kept = kept_loops(refs_, group_);
    if (kept < loops().size()) return emit_reductions(at, kept);
    for (size_t i = group_.first; i < group_.last; ++i) {
      if (is_reduction(i)) emit_single_step(refs_[i], at);
      if (!is_reduction(i)) emit_map(f_, refs_[i], at, locals_);
    }
  }

  // A reduction over no loops takes one step.
  void emit_single_step(const StageRefs& s, const Point& at) {
    Reducer r(f_, s, {}, width(), 1);
    const Regs carried = r.start();
    r.step(at, f_.i64(0), locals_, carried);
    emit_results(f_, s, at, locals_, r.finish(carried));
  }

  // ---- Runs -----------------------------------------------------------------------------------

  // The accumulators of all runs of the stage; reduce(at, steps) gives those of one, no steps: all of them.
  template <class Reduce, class Merge>
  Regs merged_runs(const Stage& s, const Point& at, Reduce reduce, const Regs& none, Merge merge) {
    const Order* order = order_of(s);
    if (!order || !order->is_cut()) return reduce(at, std::nullopt);
    if (order->run) return reduce(at, steps_of_run(s, *order->run));
    const LoopId run(nest_.kernel.loop_count);
    const Steps steps = steps_of_run(s, Dim::loop(run));
    Value* parts = emit_dim(f_, at, order->parts);
    return emit_for(f_, f_.i64(0), parts, 1, none, [&](Value* i, const Regs& merged) {
      return merge(merged, reduce(at.with(run, i), steps));
    });
  }

  static void cut(LoopNest& nest, size_t loop, const std::optional<Steps>& steps) {
    if (!steps) return;
    nest.cut = loop;
    nest.steps = *steps;
    nest.unrolled = false;
  }

  // ---- Reductions -----------------------------------------------------------------------------

  // Everything at one point of the kept loops.
  void emit_reductions(const Point& at, size_t kept) {
    Vec<Reducer> reducers;
    const int lanes = group_.vector ? nest_.lanes : width();
    const Stage* reduction = nullptr;
    for (size_t i = group_.first; i < group_.last; ++i) {
      if (!is_reduction(i)) continue;
      reduction = refs_[i].stage;
      reducers.emplace_back(f_, refs_[i], group_, lanes, loops().back().extent);
    }
    Regs none;
    if (reduction->reduction().order.is_cut()) {
      for (Reducer& r : reducers) append(none, r.no_run());
    }
    auto reduce = [&](const Point& p, const std::optional<Steps>& steps) {
      return emit_run(p, kept, steps, reducers);
    };
    auto merge = [&](const Regs& merged, const Regs& run) {
      Regs all;
      for (Reducer& r : reducers) append(all, r.with_run(own(merged, all), own(run, all)));
      return all;
    };
    const Regs results = merged_runs(*reduction, at, reduce, none, merge);
    if (!group_.warp) return finish(at, results);
    Value* is_first = f_.b.CreateICmpEQ(f_.machine.lane(f_), f_.i64(0));
    emit_if(f_, is_first, [&] { finish(at, results); });
  }

  // The accumulators of all reductions, of some steps of the outermost loop or all.
  Regs emit_run(const Point& at, size_t kept, const std::optional<Steps>& steps,
                Vec<Reducer>& reducers) {
    Regs carried;
    for (Reducer& r : reducers) append(carried, r.start());
    LoopNest nest(f_, loops());
    nest.lanes = group_.vector ? nest_.lanes : 1;
    nest.parts = group_.vector ? static_cast<int>(kReductionLanes) / nest_.lanes : 1;
    nest.rotate = [&](Regs& c) {
      llvm::MutableArrayRef<Value*> rest(c);
      for (const Reducer& r : reducers) {
        r.rotate(rest.take_front(r.carried()));
        rest = rest.drop_front(r.carried());
      }
    };
    nest.at_once = nest_.wide || is_light() ? nest.parts : 1;
    nest.over_warp = group_.warp;
    const bool shared = group_.vector || group_.warp;
    nest.unrolled = !shared && known_steps(loops(), kept) <= kUnrolledSteps;
    cut(nest, kept, steps);
    for (const Reducer& r : reducers) nest.innermost_unrolled |= r.form() == Reducer::Form::kValues;
    auto step = [&](const Point& p, int part, Regs c) {
      emit_step(p, part, reducers, c);
      return c;
    };
    carried = nest.run(kept, loops().size(), at, std::move(carried), step);
    Regs results;
    llvm::ArrayRef<Value*> rest(carried);
    for (Reducer& r : reducers) {
      append(results, r.finish(rest.take_front(r.carried())));
      rest = rest.drop_front(r.carried());
    }
    return results;
  }

  static void append(Regs& all, const Regs& more) {
    all.insert(all.end(), more.begin(), more.end());
  }

  // What stands behind as many as there are in `before`.
  static llvm::ArrayRef<Value*> own(const Regs& all, const Regs& before) {
    return llvm::ArrayRef<Value*>(all).drop_front(before.size());
  }

  // Whether several steps at once find room in 16 registers.
  bool is_light() const {
    size_t nodes = 0;
    for (size_t i = group_.first; i < group_.last; ++i) nodes += refs_[i].stage->body.size();
    return nodes <= kLightNodes;
  }

  void emit_step(const Point& at, int part, Vec<Reducer>& reducers, Regs& carried) {
    Value* lane = group_.vector ? f_.i64(part) : at.loops.at(loops().back().id);
    llvm::MutableArrayRef<Value*> rest(carried);
    size_t next = 0;
    for (size_t i = group_.first; i < group_.last; ++i) {
      if (!is_reduction(i)) {
        emit_map(f_, refs_[i], at, locals_);
        continue;
      }
      Reducer& r = reducers[next++];
      r.step(at, lane, locals_, rest.take_front(r.carried()));
      rest = rest.drop_front(r.carried());
    }
  }

  void finish(const Point& at, const Regs& accumulators) {
    llvm::ArrayRef<Value*> rest(accumulators);
    for (size_t i = group_.first; i < group_.last; ++i) {
      if (!is_reduction(i)) continue;
      const size_t own = refs_[i].stage->reduction().acc.size();
      const llvm::ArrayRef<Value*> mine = rest.take_front(own);
      emit_results(f_, refs_[i], at, locals_, Regs(mine.begin(), mine.end()));
      rest = rest.drop_front(own);
    }
  }

  // ---- Scans ----------------------------------------------------------------------------------

  // At a point of the loops outside of the scan's.
  void emit_scan(const StageRefs& s, const Point& at) {
    const Scan& scan = s.stage->scan();
    const size_t kept = kept_loops(*s.stage);
    LoopNest nest(f_, s.stage->loops);
    nest.reverse = scan.reverse;
    Regs start;
    for (const Scalar& init : scan.init) {
      start.push_back(splat(f_, emit_scalar(f_, init), width()));
    }
    nest.run(kept, kept + 1, at, std::move(start), [&](const Point& p, int, Regs acc) {
      Regs nodes = emit_values(f_, s, scan.combine, p, locals_, acc);
      Regs next;
      for (const ExprId id : scan.combine) next.push_back(splat(f_, nodes[id.index], width()));
      emit_results(f_, s, p, locals_, scan.exclusive ? acc : next);
      return next;
    });
  }

  // ---- Sorts ----------------------------------------------------------------------------------

  void emit_sort(const StageRefs& s, const Point& at) {
    const uint32_t keys = nest_.sorted.at(group_.first);
    Sorter(f_, s, f_.local(keys), f_.local(keys + 1)).emit(at, locals_);
  }

  // ---- Sums of products -----------------------------------------------------------------------

  // Windows outside, input channels inside, whatever the order of the stage's loops.
  static Vec<Loop> conv_loops(const Stage& s) {
    Vec<Loop> loops;
    for (const LoopId id : ended_loops(s)) {
      for (const Loop& l : s.loops) {
        if (l.id == id) loops.push_back(l);
      }
    }
    return loops;
  }

  void emit_sum(const StageRefs& s, const Point& at, const Vec<Loop>& loops) {
    const DType acc = accumulator_types(*s.stage)[0];
    const Vec<ExprId> factors = operands(*s.stage);
    const size_t kept = kept_loops(*s.stage);
    auto constant = [&](const Scalar& value) { return splat(f_, emit_scalar(f_, value), width()); };
    const Regs zero{constant(Scalar::of(acc, 0))};
    const Regs none{constant(identity_of(Fn::kAdd, acc))};
    auto sum_up = [&](const Point& row, const std::optional<Steps>& steps) {
      LoopNest nest(f_, loops);
      nest.unrolled = known_steps(loops, kept) <= kUnrolledSteps;
      cut(nest, kept, steps);
      return nest.run(kept, loops.size(), row, zero, [&](const Point& p, int, Regs c) {
        const Regs nodes = emit_values(f_, s, factors, p, locals_);
        Value* a = nodes[factors[0].index];
        Value* b = nodes[factors[1].index];
        return Regs{emit_fn(f_, Fn::kFma, acc, acc, {a, b, c[0]})};
      });
    };
    auto merge = [&](const Regs& sum, const Regs& run) {
      return Regs{emit_fn(f_, Fn::kAdd, acc, acc, {sum[0], run[0]})};
    };
    emit_results(f_, s, at, locals_, merged_runs(*s.stage, at, sum_up, none, merge));
  }

  Function& f_;
  const Grouped& nest_;
  const Vec<StageRefs>& refs_;
  const Group& group_;
  Regs& locals_;
};

}  // namespace

size_t kept_loops(const Vec<StageRefs>& refs, const Group& g) {
  size_t kept = refs[g.first].stage->loops.size();
  for (size_t i = g.first; i < g.last; ++i) kept = std::min(kept, kept_loops(*refs[i].stage));
  return kept;
}

void emit_group_at(Function& f, const Grouped& n, const Vec<StageRefs>& refs, const Group& g,
                   const Point& at, Regs& locals) {
  GroupEmitter(f, n, refs, g, locals).emit_at(at);
}

void emit_group(Function& f, const Grouped& n, const Vec<StageRefs>& refs, const Group& g,
                const Point& at, Regs& locals) {
  GroupEmitter(f, n, refs, g, locals).emit(at);
}

}  // namespace rlx::backend
