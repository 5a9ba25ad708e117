// Drops from a kernel what nothing uses.
#include <algorithm>

#include "kernel/kernel.h"

namespace rlx {
namespace {

// Reads that a node of `cone` loads.
Vec<bool> used_reads(const Stage& s, const Vec<bool>& cone) {
  Vec<bool> used(s.reads.size());
  for (size_t i = 0; i < cone.size(); ++i) {
    if (cone[i] && s.body[i].fn == Fn::kLoad) used[s.body[i].index] = true;
  }
  return used;
}

// All nodes that something outside of the body needs: not the indexes of reads that are only
// loaded.
Vec<bool> used_nodes(Stage& s) {
  Vec<ExprId> roots;
  auto collect = [&](ExprId& id) { roots.push_back(id); };
  Vec<Access> reads = std::exchange(s.reads, {});
  each_root(s, collect);
  s.reads = std::move(reads);
  return needed(s, roots);
}

// The new place of each kept element.
Vec<uint32_t> places(const Vec<bool>& kept) {
  Vec<uint32_t> place(kept.size(), UINT32_MAX);
  uint32_t next = 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i]) place[i] = next++;
  }
  return place;
}

template <class T>
void keep(Vec<T>& items, const Vec<bool>& kept) {
  size_t next = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!kept[i]) continue;
    if (i != next) items[next] = std::move(items[i]);
    ++next;
  }
  items.erase(items.begin() + static_cast<ptrdiff_t>(next), items.end());
}

void trim_body(Stage& s) {
  const Vec<bool> nodes = used_nodes(s);
  const Vec<bool> reads = used_reads(s, nodes);
  Vec<uint32_t> node_place = places(nodes), read_place = places(reads);
  keep(s.body, nodes);
  keep(s.reads, reads);
  for (Expr& e : s.body) {
    for (ExprId& a : e.args) a = ExprId(node_place[a.index]);
    if (e.fn == Fn::kLoad) e.index = read_place[e.index];
  }
  each_root(s, [&](ExprId& id) { id = ExprId(node_place[id.index]); });
}

bool uses_local(const Stage& s, size_t local) {
  auto is_it = [&](const Access& a) { return a.of == Access::Of::kLocal && a.tensor == local; };
  return std::any_of(s.reads.begin(), s.reads.end(), is_it);
}

bool is_live(const Kernel& k, size_t local) {
  return std::any_of(k.stages.begin(), k.stages.end(),
                     [&](const Stage& s) { return uses_local(s, local); });
}

// Drops writes to locals that are not live; a stage that writes nothing more goes.
void trim_writes(Kernel& k, const Vec<bool>& live) {
  auto is_dead = [&](const Access& a) { return a.of == Access::Of::kLocal && !live[a.tensor]; };
  for (Stage& s : k.stages) {
    Vec<bool> kept;
    for (const Access& a : s.writes) kept.push_back(!is_dead(a));
    keep(s.writes, kept);
    keep(s.results, kept);
  }
  std::erase_if(k.stages, [](const Stage& s) { return s.writes.empty(); });
}

template <class F>
void each_access(Kernel& k, F f) {
  for (Stage& s : k.stages) {
    for (Vec<Access>* accesses : {&s.reads, &s.writes}) std::ranges::for_each(*accesses, f);
  }
}

void renumber(Kernel& k, Access::Of of, const Vec<uint32_t>& place) {
  each_access(k, [&](Access& a) {
    if (a.of == of) a.tensor = place[a.tensor];
  });
}

// Whether a local went, so that what fed it may be unused now.
bool trim_locals(Kernel& k) {
  Vec<bool> live;
  for (size_t i = 0; i < k.locals.size(); ++i) live.push_back(is_live(k, i));
  if (std::all_of(live.begin(), live.end(), [](bool b) { return b; })) return false;
  trim_writes(k, live);
  keep(k.locals, live);
  renumber(k, Access::Of::kLocal, places(live));
  return true;
}

void trim_args(Kernel& k) {
  Vec<bool> used;
  for (const Arg& a : k.args) used.push_back(a.written);
  for (const Stage& s : k.stages) {
    for (const Access& a : s.reads) {
      if (a.of == Access::Of::kArg) used[a.tensor] = true;
    }
  }
  keep(k.args, used);
  renumber(k, Access::Of::kArg, places(used));
}

}  // namespace

void drop_unused(Kernel& k) {
  Vec<bool> args(k.args.size()), locals(k.locals.size());
  each_access(k, [&](Access& a) { (a.of == Access::Of::kArg ? args : locals)[a.tensor] = true; });
  keep(k.args, args);
  keep(k.locals, locals);
  renumber(k, Access::Of::kArg, places(args));
  renumber(k, Access::Of::kLocal, places(locals));
  for (Arg& a : k.args) a.written = false;
  for (const Stage& s : k.stages) {
    for (const Access& a : s.writes) {
      if (a.of == Access::Of::kArg) k.args[a.tensor].written = true;
    }
  }
}

void remove_unused(Kernel& k) {
  do {
    for (Stage& s : k.stages) trim_body(s);
  } while (trim_locals(k));
  trim_args(k);
}

}  // namespace rlx
