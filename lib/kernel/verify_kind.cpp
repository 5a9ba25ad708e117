// What a stage's kind asks of it:
//
//  map       nothing
//  reduce    `over` are the innermost loops, in order; results and writes do not use them; lanes and
//            runs need a function that merges them
//  scan      `over` is the innermost loop
//  sort      `rank` and `over` are the innermost loops, the first no longer than the second; the key is an i32 or
//            i64 and uses neither `rank` nor the index; results and writes do not use `over`
//  contract  two operands of the sum's type that do not use it; each stage loop is m, n, batch or k;
//            a uses no n, b no m; results are made of the sum alone; nothing is written per k
//  conv      the same of window and in_channel; x and w are read where kernel.h says
#include <algorithm>

#include <fmt/format.h>

#include "kernel/conv_geometry.h"
#include "kernel/verify.h"

namespace rlx {
namespace {

class KindVerifier {
 public:
  KindVerifier(const Kernel& k, const Stage& s, Problems& problems)
      : k_(k), s_(s), problems_(problems) {}

  void run() {
    std::visit([&](const auto& d) { verify(d); }, s_.detail);
  }

 private:
  template <class What>
  bool require(bool holds, const What& what) {
    return problems_.require(holds, what);
  }

  void verify(const Map&) {}

  // ---- Reductions -----------------------------------------------------------------------------

  bool verify_accumulators(const Vec<DType>& acc, const Vec<Scalar>& init,
                           const Vec<ExprId>& combine) {
    const bool complete = acc.size() == init.size() && acc.size() == combine.size() && !acc.empty();
    if (!require(complete, "an accumulator lacks its type, initial or next value")) return false;
    bool sound = true;
    for (size_t i = 0; i < acc.size(); ++i) {
      require(init[i].dtype == acc[i], "an initial value has another dtype than its accumulator");
      const bool next =
          combine[i].index < s_.body.size() && s_.body[combine[i].index].type == acc[i];
      sound &= require(next, "a next value has another dtype than its accumulator");
    }
    return sound;
  }

  bool are_innermost(const Vec<LoopId>& over) const {
    Vec<LoopId> loops = ids_of(s_.loops);
    return over.size() <= loops.size() && std::equal(over.rbegin(), over.rend(), loops.rbegin());
  }

  void verify(const Reduction& r) {
    require(are_innermost(r.over), "it does not reduce over its innermost loops");
    const bool sound = verify_accumulators(r.acc, r.init, r.combine);
    verify_results_outside(r.over);
    const bool merged = r.order.inner == Order::Inner::kLanes || r.order.is_cut();
    if (!sound || !merged) return;
    require(!r.over.empty() && merges_of(s_), "its order has lanes or runs that nothing merges");
    verify_runs(r.order);
  }

  // What takes one run says which by loops that have as many steps as there are runs.
  void verify_runs(const Order& order) {
    require(order.parts.constant().value_or(1) >= 1, "its order has no run");
    if (!order.run) return;
    for (const Loop& l : k_.grid) {
      require(!l.sequential || !uses_loop(*order.run, l.id),
              "a run is a step of a sequential loop");
    }
  }

  void verify(const Scan& scan) {
    require(are_innermost({scan.over}), "it does not scan over its innermost loop");
    verify_accumulators(scan.acc, scan.init, scan.combine);
  }

  void verify(const Sort& sort) {
    if (!require(are_innermost({sort.rank, sort.over}), "it does not sort its innermost loop"))
      return;
    const std::optional<int64_t> ranks = find_loop(s_.loops, sort.rank)->extent.constant();
    const std::optional<int64_t> elements = find_loop(s_.loops, sort.over)->extent.constant();
    require(!ranks || !elements || *ranks <= *elements, "it has more ranks than elements");
    require(sort.acc == DType::kI64, "its index is no i64");
    if (!require(sort.key.index < s_.body.size(), "its key is no node of the body")) return;
    const DType key = s_.body[sort.key.index].type;
    require(key == DType::kI32 || key == DType::kI64, "its key is neither an i32 nor an i64");
    require(!uses_in(sort.key, {sort.rank}), "its key uses the rank");
    require_no_acc(sort.key, "its key uses the index");
    verify_results_outside({sort.over});
  }

  // Results and writes come after these loops.
  void verify_results_outside(const Vec<LoopId>& loops) {
    Vec<ExprId> roots = s_.results;
    for (const Access& a : s_.writes) {
      require(!uses(a, loops), "a write uses a loop that has ended");
      for (const AxisIndex& index : a.index) {
        if (index.expr) roots.push_back(*index.expr);
      }
    }
    Vec<bool> cone = needed(s_, roots);
    for (size_t i = 0; i < cone.size(); ++i) {
      require(!cone[i] || !uses(s_.body[i], loops),
              [&] { return fmt::format("v{} uses a loop that has ended", i); });
    }
  }

  static bool uses(const Access& a, const Vec<LoopId>& loops) {
    return std::any_of(a.index.begin(), a.index.end(),
                       [&](const AxisIndex& index) { return uses_any(index.dim, loops); });
  }

  bool uses(const Expr& e, const Vec<LoopId>& loops) const {
    if (e.fn == Fn::kLoad) return uses(s_.reads[e.index], loops);
    return e.fn == Fn::kIndex && uses_any(e.dim, loops);
  }

  // ---- Contractions ---------------------------------------------------------------------------

  bool require_operand(ExprId operand, DType acc) {
    const bool there = operand.index < s_.body.size();
    if (!require(there, "an operand is no node of the body")) return false;
    require(s_.body[operand.index].type == acc, "an operand has another dtype than the sum");
    require_no_acc(operand, "an operand uses the sum");
    return true;
  }

  void require_no_acc(ExprId root, std::string_view problem) {
    const Vec<bool> cone = needed(s_, {root});
    for (size_t i = 0; i < cone.size(); ++i) {
      require(!cone[i] || s_.body[i].fn != Fn::kAcc, problem);
    }
  }

  bool uses_in(ExprId root, const Vec<LoopId>& loops) const {
    const Vec<bool> cone = needed(s_, {root});
    for (size_t i = 0; i < cone.size(); ++i) {
      if (cone[i] && uses(s_.body[i], loops)) return true;
    }
    return false;
  }

  // The sum, through any function of it and constants.
  void verify_results_of_sum() {
    Vec<bool> cone = needed(s_, s_.results);
    for (size_t i = 0; i < cone.size(); ++i) {
      const Fn fn = s_.body[i].fn;
      const bool plain = fn != Fn::kLoad && fn != Fn::kIndex;
      require(plain || !cone[i], [&] { return fmt::format("v{} uses more than the sum", i); });
    }
  }

  void verify(const Contract& c) {
    if (!require_operand(c.a, c.acc) || !require_operand(c.b, c.acc)) return;
    Vec<LoopId> listed = c.k;
    for (const auto* loops : {&c.m, &c.n, &c.batch}) {
      listed.insert(listed.end(), loops->begin(), loops->end());
    }
    require_all_listed(listed);
    require_own_loops(c.k, "k");
    require(are_innermost(c.k), "it does not sum over its innermost loops");
    require(!uses_in(c.a, c.n), "the first operand uses a loop of n");
    require(!uses_in(c.b, c.m), "the second operand uses a loop of m");
    verify_results_outside(c.k);
    verify_results_of_sum();
    require(c.order.inner == Order::Inner::kSequence, "products are not summed up in lanes");
    require(!c.order.is_cut() || !c.k.empty(), "its order has runs of no loop");
    verify_runs(c.order);
  }

  void require_all_listed(const Vec<LoopId>& listed) {
    for (const Loop& l : s_.loops) {
      require(contains(listed, l.id),
              [&] { return fmt::format("loop i{} is none of its detail's", l.id.index); });
    }
  }

  void require_own_loops(const Vec<LoopId>& loops, std::string_view role) {
    const Vec<LoopId> own = ids_of(s_.loops);
    for (LoopId id : loops) {
      require(contains(own, id),
              [&] { return fmt::format("i{} of {} is no loop of the stage", id.index, role); });
    }
  }

  void verify(const Conv& c) {
    if (!require_operand(c.x, c.acc) || !require_operand(c.w, c.acc)) return;
    const Vec<LoopId> summed = ended_loops(s_);
    Vec<LoopId> listed = summed;
    listed.insert(listed.end(), c.pixel.begin(), c.pixel.end());
    listed.insert(listed.end(), {c.batch, c.out_channel});
    require_all_listed(listed);
    require_own_loops(summed, "window and in_channel");
    verify_results_outside(summed);
    verify_results_of_sum();
    const Result<ConvGeometry> geometry = conv_geometry(s_);
    require(geometry.ok(), [&] { return geometry.error().first().message; });
  }

  const Kernel& k_;
  const Stage& s_;
  Problems& problems_;
};

}  // namespace

void verify_kind(const Kernel& k, const Stage& s, Problems& problems) {
  KindVerifier(k, s, problems).run();
}

}  // namespace rlx
