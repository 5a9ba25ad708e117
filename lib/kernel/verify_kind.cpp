// What a stage's kind asks of it:
//
//  map       no detail
//  reduce    `over` are the innermost loops, in order; results and writes do not use them
//  scan      `over` is the innermost loop
//  contract  two operands; each stage loop is m, n, batch or k; a uses no n, b no m; results are
// made of
//            the sum alone; nothing is written per k
//  conv      the same of window and in_channel; x at pixel * stride + window * dilation - pad, w at
//            window, both at in_channel
//  call      a routine's name
#include <algorithm>

#include <fmt/format.h>

#include "kernel/verify.h"

namespace rlx {
namespace {

class KindVerifier {
 public:
  KindVerifier(const Stage& s, Problems& problems) : s_(s), problems_(problems) {}

  void run() {
    if (!require(has_its_detail(), "its detail is that of another kind")) return;
    switch (s_.kind) {
      case Kind::kReduce: return verify_reduction(s_.reduction());
      case Kind::kScan: return verify_scan(std::get<Scan>(s_.detail));
      case Kind::kContract: return verify_contract(s_.contract());
      case Kind::kConv: return verify_conv(s_.conv());
      case Kind::kMap:
      case Kind::kAttention:
      case Kind::kSort:
      case Kind::kCall: return;
    }
  }

 private:
  bool require(bool holds, const std::string& what) { return problems_.require(holds, what); }

  bool has_its_detail() const {
    switch (s_.kind) {
      case Kind::kMap:
      case Kind::kAttention:
      case Kind::kSort: return std::holds_alternative<std::monostate>(s_.detail);
      case Kind::kReduce: return std::holds_alternative<Reduction>(s_.detail);
      case Kind::kScan: return std::holds_alternative<Scan>(s_.detail);
      case Kind::kContract: return std::holds_alternative<Contract>(s_.detail);
      case Kind::kConv: return std::holds_alternative<Conv>(s_.detail);
      case Kind::kCall: return std::holds_alternative<Call>(s_.detail);
    }
    return false;
  }

  // ---- Reductions -----------------------------------------------------------------------------

  void verify_accumulators(const Vec<DType>& acc, const Vec<Scalar>& init,
                           const Vec<ExprId>& combine) {
    bool complete = acc.size() == init.size() && acc.size() == combine.size() && !acc.empty();
    if (!require(complete, "an accumulator lacks its type, initial or next value")) return;
    for (size_t i = 0; i < acc.size(); ++i) {
      require(init[i].dtype == acc[i], "an initial value has another dtype than its accumulator");
      bool next = combine[i].index < s_.body.size() && s_.body[combine[i].index].type == acc[i];
      require(next, "a next value has another dtype than its accumulator");
    }
  }

  bool are_innermost(const Vec<LoopId>& over) const {
    Vec<LoopId> loops = ids_of(s_.loops);
    return over.size() <= loops.size() && std::equal(over.rbegin(), over.rend(), loops.rbegin());
  }

  void verify_reduction(const Reduction& r) {
    require(are_innermost(r.over), "it does not reduce over its innermost loops");
    verify_accumulators(r.acc, r.init, r.combine);
    verify_results_outside(r.over);
  }

  void verify_scan(const Scan& scan) {
    require(are_innermost({scan.over}), "it does not scan over its innermost loop");
    verify_accumulators(scan.acc, scan.init, scan.combine);
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
      if (cone[i])
        require(!uses(s_.body[i], loops), fmt::format("v{} uses a loop that has ended", i));
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

  bool require_operands() { return require(s_.reads.size() == 2, "it does not have two operands"); }

  // The sum, through any function of it and constants.
  void verify_results_of_sum() {
    Vec<bool> cone = needed(s_, s_.results);
    for (size_t i = 0; i < cone.size(); ++i) {
      Fn fn = s_.body[i].fn;
      bool plain = fn != Fn::kLoad && fn != Fn::kIndex;
      if (cone[i]) require(plain, fmt::format("v{} uses more than the sum", i));
    }
  }

  void verify_contract(const Contract& c) {
    if (!require_operands()) return;
    Vec<LoopId> listed = c.k;
    for (const auto* loops : {&c.m, &c.n, &c.batch}) {
      listed.insert(listed.end(), loops->begin(), loops->end());
    }
    require_all_listed(listed);
    require_own_loops(c.k, "k");
    require(!uses(s_.reads[0], c.n), "the first operand uses a loop of n");
    require(!uses(s_.reads[1], c.m), "the second operand uses a loop of m");
    verify_results_outside(c.k);
    verify_results_of_sum();
  }

  void require_all_listed(const Vec<LoopId>& listed) {
    for (const Loop& l : s_.loops) {
      std::string name = fmt::format("loop i{}", l.id.index);
      require(contains(listed, l.id), name + " is none of its detail's");
    }
  }

  void require_own_loops(const Vec<LoopId>& loops, std::string_view role) {
    Vec<LoopId> own = ids_of(s_.loops);
    for (LoopId id : loops) {
      require(contains(own, id), fmt::format("i{} of {} is no loop of the stage", id.index, role));
    }
  }

  void verify_conv(const Conv& c) {
    if (!require_operands()) return;
    Vec<LoopId> summed = c.window;
    summed.push_back(c.in_channel);
    Vec<LoopId> listed = summed;
    listed.insert(listed.end(), c.pixel.begin(), c.pixel.end());
    listed.insert(listed.end(), {c.batch, c.out_channel});
    require_all_listed(listed);
    require_own_loops(summed, "window and in_channel");
    verify_results_outside(summed);
    verify_results_of_sum();
    verify_geometry(c);
  }

  void verify_geometry(const Conv& c) {
    size_t axes = c.pixel.size();
    bool complete = c.window.size() == axes && c.strides.size() == axes &&
                    c.dilations.size() == axes && c.pads_lo.size() == axes;
    if (!require(complete, "its detail's lists differ in length")) return;
    const Vec<AxisIndex>&x = s_.reads[0].index, &w = s_.reads[1].index;
    bool ranks = x.size() == axes + 2 && w.size() == axes + 2;
    if (!require(ranks, "its operands' ranks are not those of its geometry")) return;
    require(x[0].dim == Dim::loop(c.batch), "x is not read at its batch");
    require(w[1].dim == Dim::loop(c.in_channel), "w is not read at its in_channel");
    Dim group_start = x[1].dim - Dim::loop(c.in_channel);
    require(!uses_loop(group_start, c.in_channel), "x is not read at its in_channel");
    if (c.groups == 1) {
      require(group_start.is(0), "x is not read at its in_channel");
      require(w[0].dim == Dim::loop(c.out_channel), "w is not read at its out_channel");
    }
    for (size_t d = 0; d < axes; ++d) verify_axis(c, d, x[d + 2].dim, w[d + 2].dim);
  }

  void verify_axis(const Conv& c, size_t d, const Dim& x, const Dim& w) {
    Dim window = Dim::loop(c.window[d]);
    Dim at = Dim::loop(c.pixel[d]) * c.strides[d] + window * c.dilations[d] - c.pads_lo[d];
    require(x == at, fmt::format("spatial axis {} of x is not read at {}", d, to_text(at)));
    require(w == window, fmt::format("spatial axis {} of w is not read at its window", d));
  }

  const Stage& s_;
  Problems& problems_;
};

}  // namespace

void verify_kind(const Stage& s, Problems& problems) { KindVerifier(s, problems).run(); }

}  // namespace rlx
