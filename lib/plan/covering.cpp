#include "plan/covering.h"

#include <algorithm>

#include <fmt/format.h>

#include "kernel/detail.h"
#include "plan/group.h"

namespace rlx {
namespace {

using Larger = std::set<std::string>;

bool speaks_of(const Dim& d, const Larger& symbols) {
  bool found = false;
  each_atom(d, [&](const Atom& a) {
    found |= a.kind == Atom::Kind::kSymbol && symbols.contains(a.symbol);
  });
  return found;
}

bool grows(const Dim& d, const Larger& symbols);

// Alone in its term, with a factor above 0.
bool grows(const Atom& a, const Larger& symbols) {
  switch (a.kind) {
    case Atom::Kind::kSymbol:
    case Atom::Kind::kLoop: return true;
    case Atom::Kind::kMin:
    case Atom::Kind::kMax: return grows(a.args[0], symbols) && grows(a.args[1], symbols);
    case Atom::Kind::kFloorDiv:
      return grows(a.args[0], symbols) && a.args[1].constant().value_or(0) > 0;
    case Atom::Kind::kMod: return false;
  }
  return false;
}

bool speaks_of(const Term& t, const Larger& symbols) {
  return std::ranges::any_of(t.factors, [&](const Atom& a) {
    if (a.kind == Atom::Kind::kSymbol) return symbols.contains(a.symbol);
    return std::ranges::any_of(a.args, [&](const Dim& d) { return speaks_of(d, symbols); });
  });
}

bool is_plain(const Term& t) {
  return std::ranges::all_of(t.factors,
                             [](const Atom& a) { return a.kind == Atom::Kind::kSymbol; });
}

// Whether it is not less for larger values, as far as its terms tell.
bool grows(const Dim& d, const Larger& symbols) {
  return std::ranges::all_of(d.terms(), [&](const Term& t) {
    if (!speaks_of(t, symbols)) return true;
    const bool is_alone = t.factors.size() == 1 && grows(t.factors[0], symbols);
    return t.coefficient > 0 && (is_plain(t) || is_alone);
  });
}

// Whether there is a step in the smaller run where there is one in the larger one.
bool has_steps(const Loop& l) {
  return std::ranges::all_of(l.extent.terms(),
                             [](const Term& t) { return t.coefficient > 0 && is_plain(t); });
}

class StageCheck {
 public:
  StageCheck(const Graph& g, const Kernel& k, const Stage& s, const Larger& symbols)
      : g_(g), k_(k), s_(s), symbols_(symbols) {
    for (const Loop& l : k.grid) note(l);
    for (const Loop& l : s.loops) note(l);
  }

  // Empty: the stage keeps what is kept.
  std::string fault() {
    check_loops();
    check_body();
    for (const Access& a : s_.reads) check_read(a);
    for (const Access& a : s_.writes) check_write(a);
    return std::move(fault_);
  }

 private:
  void note(const Loop& l) {
    if (speaks(l.extent)) longer_.push_back(l);
  }

  bool speaks(const Dim& d) const { return speaks_of(d, symbols_); }
  // The first one is told.
  void refuse(std::string why) {
    if (fault_.empty()) fault_ = std::move(why);
  }

  void check_loops() {
    const Vec<LoopId> ended = ended_loops(s_);
    for (const Loop& l : longer_) {
      if (!grows(l.extent, symbols_)) refuse("a loop over " + to_text(l.extent));
      if (l.sequential) refuse("steps over " + to_text(l.extent) + " go on with those before");
      if (std::ranges::find(ended, l.id) == ended.end()) continue;
      refuse(fmt::format("it reduces over {}", to_text(l.extent)));
    }
    if (s_.kind() == Kind::kScan && s_.scan().reverse && is_longer(s_.scan().over)) {
      refuse("it begins with the last step");
    }
    visit_detail(s_, [&](const Dim& d) {
      if (speaks(d)) refuse("the order of its sums depends on " + to_text(d));
    });
  }

  bool is_longer(LoopId id) const { return find_loop(longer_, id) != nullptr; }

  void check_body() {
    for (const Expr& e : s_.body) {
      if (e.fn == Fn::kIndex && speaks(e.dim)) refuse("it uses the number " + to_text(e.dim));
    }
  }

  const Vec<Dim>& shape_of_access(const Access& a) const {
    return a.of == Access::Of::kLocal ? k_.locals[a.tensor].shape : k_.args[a.tensor].shape;
  }

  void check_read(const Access& a) {
    const Vec<Dim>& shape = shape_of_access(a);
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (speaks(shape[axis])) check_longer_axis(a, axis, shape[axis]);
      if (!speaks(shape[axis])) check_other_axis(a, axis);
    }
  }

  // Outside, an end or a place told from the end lies elsewhere where the axis is longer.
  void check_longer_axis(const Access& a, size_t axis, const Dim& extent) {
    const AxisIndex& index = a.index[axis];
    if (!grows(extent, symbols_)) return refuse("an axis of " + to_text(extent));
    if (index.expr) return refuse("data says where it reads along " + to_text(extent));
    if (speaks(index.dim)) return refuse("it reads at " + to_text(index.dim));
    const auto loop = index.dim.as_loop();
    const Loop* longer = loop ? find_loop(longer_, *loop) : nullptr;
    const bool is_inside = longer && longer->extent == extent;
    if (a.bounds[axis].rule == Bounds::Rule::kProven || is_inside) return;
    refuse("it reads beyond the end of " + to_text(extent));
  }

  void check_other_axis(const Access& a, size_t axis) {
    const AxisIndex& index = a.index[axis];
    if (!index.expr) {
      if (speaks(index.dim)) refuse("it reads at " + to_text(index.dim));
      return;
    }
    // What is computed of padding could be no index of the axis.
    if (a.bounds[axis].rule != Bounds::Rule::kChecked) return;
    if (is_input_element(*index.expr) || is_repeated(*index.expr)) return;
    refuse("what it reads depends on computed indexes");
  }

  // Whether no longer loop has a part in it, so that the smaller run, which has steps, computes it too.
  bool is_repeated(ExprId id) const {
    if (!std::ranges::all_of(longer_, has_steps)) return false;
    const Vec<bool> nodes = needed(s_, {id});
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i] && !is_repeated(s_.body[i])) return false;
    }
    return true;
  }

  bool is_repeated(const Expr& e) const {
    const Vec<LoopId> longer = ids_of(longer_);
    if (e.fn == Fn::kAcc) return false;
    if (e.fn == Fn::kIndex) return !uses_any(e.dim, longer);
    if (e.fn != Fn::kLoad) return true;
    const Access& a = s_.reads[e.index];
    // A local is another one at each point of the grid.
    if (a.of == Access::Of::kLocal) return false;
    return std::ranges::none_of(
        a.index, [&](const AxisIndex& index) { return uses_any(index.dim, longer); });
  }

  // Padding of an input is 0, which is an index.
  bool is_input_element(ExprId id) const {
    const Expr* e = &s_.body[id.index];
    while (e->fn == Fn::kCast && !is_float(e->type)) e = &s_.body[e->args[0].index];
    if (e->fn != Fn::kLoad) return false;
    const Access& a = s_.reads[e->index];
    const bool is_proven = std::ranges::all_of(
        a.bounds, [](const Bounds& b) { return b.rule == Bounds::Rule::kProven; });
    if (a.of != Access::Of::kArg || !is_proven) return false;
    return std::ranges::find(g_.inputs(), k_.args[a.tensor].value) != g_.inputs().end();
  }

  // An argument's elements are written once, and the points of the smaller run write all that it has: the others write
  // elsewhere. A local has no such rule, so each longer loop has to move along an axis of its own.
  void check_write(const Access& a) {
    if (a.combine != Combine::kSet) refuse("several points write one element");
    for (const AxisIndex& index : a.index) {
      if (index.expr) refuse("data says where it writes");
      if (!index.expr && speaks(index.dim)) refuse("it writes at " + to_text(index.dim));
    }
    for (const Dim& extent : shape_of_access(a)) {
      if (!grows(extent, symbols_)) refuse("an axis of " + to_text(extent));
    }
    if (a.of == Access::Of::kArg) return;
    const Vec<LoopId> ended = ended_loops(s_);
    for (const Loop& l : s_.loops) {
      const bool has_ended = std::ranges::find(ended, l.id) != ended.end();
      if (has_ended || !is_longer(l.id) || moves_along(a, l)) continue;
      refuse("padding is written among what is kept");
    }
  }

  bool moves_along(const Access& a, const Loop& l) const {
    const Vec<Dim>& shape = shape_of_access(a);
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (a.index[axis].dim == Dim::loop(l.id) && shape[axis] == l.extent) return true;
    }
    return false;
  }

  const Graph& g_;
  const Kernel& k_;
  const Stage& s_;
  const Larger& symbols_;
  // Loops that have more steps in the larger run.
  Vec<Loop> longer_;
  std::string fault_;
};

std::string name_of(const Unit& u, const Graph& g) {
  if (!u.kernel.stages.empty()) return node_of(u.kernel);
  const Origin origin = u.nodes.empty() ? Origin() : g[u.nodes[0]].origin;
  return origin.empty() ? u.kernel.name : *origin.begin();
}

}  // namespace

Result<std::optional<NotCovered>> why_not_covered(const Graph& g, const Larger& symbols) {
  using Fault = std::optional<NotCovered>;
  RLX_TRY(const Vec<Unit> units, units_of(g, Graph::kTop, true));
  for (const Unit& u : units) {
    if (u.is_control) return Fault({name_of(u, g), "what it runs depends on data"});
    for (const Stage& s : u.kernel.stages) {
      std::string why = StageCheck(g, u.kernel, s, symbols).fault();
      if (!why.empty()) return Fault({name_of(u, g), std::move(why)});
    }
  }
  return Fault();
}

}  // namespace rlx
