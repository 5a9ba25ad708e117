#include "plan/unit.h"

namespace rlx {

const Arg* arg_of(const Kernel& k, ValueId v) {
  for (const Arg& a : k.args)
    if (a.value == v) return &a;
  return nullptr;
}

bool is_of(const Kernel& k, const Access& a, ValueId v) {
  return a.of == Access::Of::kArg && k.args[a.tensor].value == v;
}

bool reads(const Kernel& k, ValueId v) {
  for (const Stage& s : k.stages)
    for (const Access& a : s.reads)
      if (is_of(k, a, v)) return true;
  return false;
}

uint32_t find_or_add_arg(Kernel& k, const Arg& like) {
  for (size_t i = 0; i < k.args.size(); ++i) {
    if (k.args[i].value != like.value) continue;
    k.args[i].written |= like.written;
    return static_cast<uint32_t>(i);
  }
  k.args.push_back(like);
  return static_cast<uint32_t>(k.args.size() - 1);
}

namespace {

// New place of each used index; kNone where unused.
Vec<uint32_t> compact(const Vec<bool>& used) {
  Vec<uint32_t> place(used.size(), UINT32_MAX);
  uint32_t next = 0;
  for (size_t i = 0; i < used.size(); ++i)
    if (used[i]) place[i] = next++;
  return place;
}

template <class T>
void keep(Vec<T>& items, const Vec<bool>& used) {
  size_t next = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!used[i]) continue;
    if (next != i) items[next] = std::move(items[i]);
    ++next;
  }
  items.resize(next);
}

template <class F>
void each_access(Kernel& k, F f) {
  for (Stage& s : k.stages)
    for (Vec<Access>* list : {&s.reads, &s.writes})
      for (Access& a : *list) f(a);
}

void note_written(Kernel& k) {
  for (Arg& a : k.args) a.written = false;
  for (const Stage& s : k.stages)
    for (const Access& a : s.writes)
      if (a.of == Access::Of::kArg) k.args[a.tensor].written = true;
}

}  // namespace

void drop_unused(Kernel& k) {
  Vec<bool> args(k.args.size()), locals(k.locals.size());
  each_access(k, [&](Access& a) { (a.of == Access::Of::kArg ? args : locals)[a.tensor] = true; });
  Vec<uint32_t> arg_place = compact(args), local_place = compact(locals);
  each_access(k, [&](Access& a) {
    a.tensor = (a.of == Access::Of::kArg ? arg_place : local_place)[a.tensor];
  });
  keep(k.args, args);
  keep(k.locals, locals);
  note_written(k);
}

}  // namespace rlx
