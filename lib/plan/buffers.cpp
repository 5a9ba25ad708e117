#include "plan/buffers.h"

#include <algorithm>
#include <set>

namespace rlx {
namespace {

bool keeps_fill(const Storage& s) {
  return s.fill && std::any_of(s.padding.begin(), s.padding.end(), [](const AxisPadding& p) {
           return p.lo != 0 || p.hi != 0 || p.multiple != 1;
         });
}

LirBuffer::Role role_of(const Graph& g, const Placed& p) {
  if (g[p.value].def.kind == ValueDef::Kind::kConstant) return LirBuffer::Role::kConstant;
  if (p.copy != 0) return LirBuffer::Role::kTemporary;
  if (std::count(g.inputs().begin(), g.inputs().end(), p.value)) return LirBuffer::Role::kInput;
  if (std::count(g.outputs().begin(), g.outputs().end(), p.value)) return LirBuffer::Role::kOutput;
  return LirBuffer::Role::kTemporary;
}

void set_lifetimes(Lir& lir, const Vec<uint32_t>& wave) {
  Vec<bool> seen(lir.buffers.size());
  auto end_of = [&](uint32_t group) {
    while (group + 1 < wave.size() && wave[group + 1] == wave[group]) ++group;
    return group;
  };
  for (uint32_t i = 0; i < lir.groups.size(); ++i)
    for (uint32_t placed : lir.groups[i].args) {
      uint32_t b = lir.placed[placed].buffer;
      if (!seen[b]) lir.buffers[b].first = wave[i];
      seen[b] = true;
      lir.buffers[b].last = end_of(i);
    }
}

// First fit by time over slots of the same make.
void assign_slots(Lir& lir) {
  struct Slot {
    const Placed* like;
    Dim elements;
    DType dtype;
    uint32_t last;
  };
  Vec<Slot> slots;
  Vec<const Placed*> by_first;
  for (const Placed& p : lir.placed)
    if (lir.buffers[p.buffer].role == LirBuffer::Role::kTemporary && keeps_fill(p.storage))
      by_first.push_back(&p);
  std::stable_sort(by_first.begin(), by_first.end(), [&](const Placed* a, const Placed* b) {
    return lir.buffers[a->buffer].first < lir.buffers[b->buffer].first;
  });
  for (const Placed* p : by_first) {
    LirBuffer& b = lir.buffers[p->buffer];
    b.fill = p->storage.fill;
    const Vec<Dim>& shape = lir.graph[p->value].type.shape;
    auto it = std::find_if(slots.begin(), slots.end(), [&](const Slot& s) {
      return s.last < b.first && s.like->storage == p->storage && s.dtype == b.dtype &&
             lir.graph[s.like->value].type.shape == shape;
    });
    if (it == slots.end()) it = slots.insert(it, Slot{p, b.elements, b.dtype, 0});
    it->last = b.last;
    b.slot = static_cast<int32_t>(it - slots.begin());
  }
}

}  // namespace

Vec<uint32_t> waves(const Lir& lir, const Vec<Kernel>& kernels) {
  Vec<uint32_t> wave(lir.groups.size());
  std::set<uint32_t> written;
  uint32_t start = 0;
  for (uint32_t i = 0; i < lir.groups.size(); ++i) {
    const Vec<uint32_t>& args = lir.groups[i].args;
    bool depends =
        std::any_of(args.begin(), args.end(), [&](uint32_t p) { return written.contains(p); });
    if (depends) {
      start = i;
      written.clear();
    }
    wave[i] = start;
    for (size_t a = 0; a < args.size(); ++a)
      if (kernels[i].args[a].written) written.insert(args[a]);
  }
  return wave;
}

void assign_buffers(Lir& lir, const Vec<Kernel>& kernels) {
  lir.buffers.clear();
  for (Placed& p : lir.placed) {
    const Type& t = lir.graph[p.value].type;
    p.buffer = static_cast<uint32_t>(lir.buffers.size());
    lir.buffers.push_back({.role = role_of(lir.graph, p),
                           .dtype = t.dtype,
                           .elements = storage_elements(p.storage, t.shape)});
  }
  set_lifetimes(lir, waves(lir, kernels));
  assign_slots(lir);
}

}  // namespace rlx
