#include "backend/common/groups.h"

#include <algorithm>

#include "kernel/detail.h"
#include "kernel/substitute.h"

namespace rlx::backend {

namespace {

// Whether an element of one may be an element of the other.
bool may_meet(const Kernel& k, const Access& a, const Access& b) {
  if (a.of != b.of) return false;
  if (a.tensor == b.tensor) return true;
  return a.of == Access::Of::kArg && may_overlap(k.args[a.tensor], k.args[b.tensor]);
}

// Whether equal indexes mean one element.
bool same_place(const Kernel& k, const Access& a, const Access& b) {
  if (a.tensor == b.tensor) return true;
  const Arg &x = k.args[a.tensor], &y = k.args[b.tensor];
  return x.frame == y.frame && x.shape == y.shape;
}

bool is_plain(const Access& a) {
  return a.combine == Combine::kSet &&
         std::none_of(a.index.begin(), a.index.end(),
                      [](const AxisIndex& i) { return i.expr.has_value(); }) &&
         std::all_of(a.bounds.begin(), a.bounds.end(),
                     [](const Bounds& b) { return b.rule == Bounds::Rule::kProven; });
}

bool same_element(const Kernel& k, const Access& a, const Access& b) {
  return is_plain(a) && is_plain(b) && a.index == b.index && same_place(k, a, b);
}

// Whether `later` may see the tensor of `write` before the loops of the stage that writes it have ended.
bool may_share(const Kernel& k, const Stage& writer, const Access& write, const Access& later) {
  if (!may_meet(k, write, later)) return true;
  return writer.kind() == Kind::kMap && !writer.loops.empty() && same_element(k, write, later);
}

// Whether all that a and a later b access allows one loop nest.
bool may_share(const Kernel& k, const Stage& a, const Stage& b) {
  for (const Access& w : a.writes) {
    for (const Access& r : b.reads) {
      if (!may_share(k, a, w, r)) return false;
    }
    for (const Access& w2 : b.writes) {
      if (may_meet(k, w, w2)) return false;
    }
  }
  // b may overwrite what a has read of the same element; a reduction reads again after the loops.
  for (const Access& w : b.writes) {
    for (const Access& r : a.reads) {
      if (may_meet(k, w, r) && (a.kind() != Kind::kMap || !may_share(k, b, w, r))) return false;
    }
  }
  return true;
}

// A reduction that runs in sequence would keep the others from running over lanes; one run of it would leave out
// steps of theirs.
bool may_group(const Stage& s) {
  if (s.kind() == Kind::kMap) return true;
  return s.kind() == Kind::kReduce && s.reduction().order.inner == Order::Inner::kLanes &&
         !s.reduction().order.run;
}

bool same_extents(const Stage& a, const Stage& b) {
  return std::equal(a.loops.begin(), a.loops.end(), b.loops.begin(), b.loops.end(),
                    [](const Loop& x, const Loop& y) { return x.extent == y.extent; });
}

// s with its loops called as those of `leader`.
Stage renamed(Stage s, const Stage& leader) {
  LoopMap loops;
  std::map<LoopId, LoopId> ids;
  for (size_t i = 0; i < s.loops.size(); ++i) {
    ids[s.loops[i].id] = leader.loops[i].id;
    loops[s.loops[i].id] = Dim::loop(leader.loops[i].id);
  }
  substitute_loops(s, loops);
  s.loops = leader.loops;
  visit_detail(s, [&](LoopId& id) { id = ids[id]; });
  return s;
}

// All reductions of a group run in the same steps; null while it has maps only.
const Stage* reduction_of(const Kernel& k, const Group& g) {
  for (size_t i = g.first; i < g.last; ++i) {
    if (k.stages[i].kind() == Kind::kReduce) return &k.stages[i];
  }
  return nullptr;
}

bool same_steps(const Stage& a, const Stage& b) {
  return kept_loops(a) == kept_loops(b) && a.reduction().order == b.reduction().order;
}

bool joins(Kernel& k, const Group& g) {
  const Stage& leader = k.stages[g.first];
  const Stage& next = k.stages[g.last];
  if (!may_group(leader) || !may_group(next) || next.loops.empty()) return false;
  if (!same_extents(leader, next)) return false;
  const Stage* reduction = reduction_of(k, g);
  if (reduction && next.kind() == Kind::kReduce && !same_steps(*reduction, next)) return false;
  Stage candidate = renamed(next, leader);
  for (size_t i = g.first; i < g.last; ++i) {
    if (!may_share(k, k.stages[i], candidate)) return false;
  }
  k.stages[g.last] = std::move(candidate);
  return true;
}

// The local is written by one map of the group and read there and, perhaps, after it.
struct RowUse {
  int writes = 0;
  bool map_writes = false;
  bool outside = false;
  bool read_inside = false;
};

RowUse use_of(const Kernel& k, const Group& g, uint32_t local) {
  RowUse u;
  auto is_local = [&](const Access& a) { return a.of == Access::Of::kLocal && a.tensor == local; };
  for (size_t i = 0; i < k.stages.size(); ++i) {
    const Stage& s = k.stages[i];
    const bool inside = i >= g.first && i < g.last;
    for (const Access& w : s.writes) {
      if (!is_local(w)) continue;
      u.outside |= !inside;
      u.map_writes |= inside && s.kind() == Kind::kMap;
      ++u.writes;
    }
    for (const Access& r : s.reads) {
      if (is_local(r)) (inside ? u.read_inside : u.outside) = true;
    }
  }
  return u;
}

void hold_row(Vec<StageRefs>& refs, const Group& g, uint32_t local, bool also_in_memory) {
  for (size_t i = g.first; i < g.last; ++i) {
    for (Ref& r : refs[i].reads) {
      if (r.of == Access::Of::kLocal && r.tensor == local) r.in_register = true;
    }
    for (Ref& w : refs[i].writes) {
      if (w.of != Access::Of::kLocal || w.tensor != local) continue;
      w.keep = true;
      w.in_register = !also_in_memory;
    }
  }
}

}  // namespace

Vec<Group> group_stages(Kernel& k) {
  Vec<Group> groups;
  for (size_t i = 0; i < k.stages.size(); ++i) {
    const bool joined = !groups.empty() && joins(k, groups.back());
    if (joined) groups.back().last = i + 1;
    if (!joined) groups.push_back({.first = i, .last = i + 1});
  }
  return groups;
}

RefOptions Grouped::options(const Group& g) const {
  if (lanes_in_grid()) return {.lane_loop = lane_loop, .lanes = lanes, .locals_per_lane = true};
  const Stage& s = kernel.stages[g.first];
  if (g.kept_lanes) return {.lane_loop = s.loops[kept_loops(s) - 1].id, .lanes = lanes};
  if (!g.vector) return {};
  return {.lane_loop = kernel.stages[g.first].loops.back().id, .lanes = lanes};
}

Vec<StageRefs> refs_of(const Grouped& n) {
  Vec<StageRefs> refs;
  for (const Group& g : n.groups) {
    for (size_t i = g.first; i < g.last; ++i) {
      refs.push_back(resolve(n.kernel, n.kernel.stages[i], n.options(g)));
    }
    for (uint32_t local = 0; local < n.kernel.locals.size(); ++local) {
      const Local& l = n.kernel.locals[local];
      if (in_register(l) || !l.carry.empty()) continue;
      const RowUse u = use_of(n.kernel, g, local);
      if (u.writes == 1 && u.map_writes && u.read_inside) hold_row(refs, g, local, u.outside);
    }
  }
  return refs;
}

void give_memory(Kernel& k) {
  for (uint32_t i = 0; i < k.locals.size(); ++i) {
    if (!k.locals[i].shape.empty()) continue;
    k.locals[i].shape = {1};
    for (Stage& s : k.stages) {
      for (Vec<Access>* list : {&s.reads, &s.writes}) {
        for (Access& a : *list) {
          if (a.of != Access::Of::kLocal || a.tensor != i) continue;
          a.index = {{.dim = 0}};
          a.bounds = {{}};
        }
      }
    }
  }
}

bool sorts(const Kernel& k) {
  return std::ranges::any_of(k.stages, [](const Stage& s) { return s.kind() == Kind::kSort; });
}

void add_sorted(Grouped& n) {
  for (size_t i = 0; i < n.kernel.stages.size(); ++i) {
    const Stage& s = n.kernel.stages[i];
    if (s.kind() != Kind::kSort) continue;
    const Vec<Dim> ranks = {find_loop(s.loops, s.sort().rank)->extent};
    Vec<Local>& locals = n.kernel.locals;
    n.sorted.emplace(i, static_cast<uint32_t>(locals.size()));
    locals.push_back({.dtype = s.body[s.sort().key.index].type, .shape = ranks});
    locals.push_back({.dtype = s.sort().acc, .shape = ranks});
  }
}

size_t kept_loops(const Stage& s) {
  switch (s.kind()) {
    case Kind::kMap: return s.loops.size();
    case Kind::kReduce: return s.loops.size() - s.reduction().over.size();
    case Kind::kScan: return s.loops.size() - 1;
    case Kind::kSort: return s.loops.size() - 2;
    case Kind::kContract: return s.loops.size() - s.contract().k.size();
    case Kind::kConv: break;
  }
  return 0;
}

}  // namespace rlx::backend
