#include "kernel/substitute.h"

#include <algorithm>

#include "kernel/detail.h"

namespace rlx {
namespace {

// Of accesses, nodes of the body and the detail.
template <class F>
void each_index(Stage& s, F f) {
  for (Vec<Access>* accesses : {&s.reads, &s.writes}) {
    for (Access& a : *accesses) {
      for (AxisIndex& index : a.index) f(index.dim);
    }
  }
  for (Expr& e : s.body) {
    if (e.fn == Fn::kIndex) f(e.dim);
  }
  visit_detail(s, [&](Dim& d) { f(d); });
}

}  // namespace

Dim substitute_loops(const Dim& d, const LoopMap& loops) {
  return substitute(d, [&](const Atom& a) -> std::optional<Dim> {
    if (a.kind != Atom::Kind::kLoop) return std::nullopt;
    auto it = loops.find(a.loop);
    return it == loops.end() ? std::nullopt : std::optional(it->second);
  });
}

void substitute_loops(Stage& s, const LoopMap& loops) {
  each_index(s, [&](Dim& d) { d = substitute_loops(d, loops); });
}

void each_dim(Kernel& k, const std::function<void(Dim&)>& f) {
  for (Arg& a : k.args) {
    std::ranges::for_each(a.shape, f);
    if (!a.frame) continue;
    std::ranges::for_each(a.frame->shape, f);
    std::ranges::for_each(a.frame->start, f);
  }
  for (Loop& l : k.grid) f(l.extent);
  for (Local& l : k.locals) std::ranges::for_each(l.shape, f);
  for (Stage& s : k.stages) {
    for (Loop& l : s.loops) f(l.extent);
    each_index(s, f);
  }
}

Kernel at_values(Kernel k, const std::map<std::string, Dim>& values) {
  each_dim(k, [&](Dim& d) { d = substitute_symbols(d, values); });
  return k;
}

}  // namespace rlx
