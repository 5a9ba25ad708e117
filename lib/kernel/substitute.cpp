#include "kernel/substitute.h"

#include "kernel/detail.h"

namespace rlx {

Dim substitute_loops(const Dim& d, const LoopMap& loops) {
  return substitute(d, [&](const Atom& a) -> std::optional<Dim> {
    if (a.kind != Atom::Kind::kLoop) return std::nullopt;
    auto it = loops.find(a.loop);
    return it == loops.end() ? std::nullopt : std::optional(it->second);
  });
}

void substitute_loops(Stage& s, const LoopMap& loops) {
  for (Vec<Access>* accesses : {&s.reads, &s.writes}) {
    for (Access& a : *accesses) {
      for (AxisIndex& index : a.index) index.dim = substitute_loops(index.dim, loops);
    }
  }
  for (Expr& e : s.body) {
    if (e.fn == Fn::kIndex) e.dim = substitute_loops(e.dim, loops);
  }
  visit_detail(s, [&](Dim& d) { d = substitute_loops(d, loops); });
}

}  // namespace rlx
