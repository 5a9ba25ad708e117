#include "plan/buffers.h"

#include <algorithm>
#include <map>
#include <set>

#include "kernel/border.h"

namespace rlx {
namespace {

bool keeps_fill(const Storage& s) {
  return s.fill && std::any_of(s.padding.begin(), s.padding.end(), [](const AxisPadding& p) {
           return p.lo != 0 || p.hi != 0 || p.multiple != 1;
         });
}

// By value; copies of an input or output are temporary.
Vec<LirBuffer::Role> roles_of(const Graph& g) {
  Vec<LirBuffer::Role> roles(g.values.size(), LirBuffer::Role::kTemporary);
  for (const ValueId v : g.outputs()) roles[v.index] = LirBuffer::Role::kOutput;
  for (const ValueId v : g.inputs()) roles[v.index] = LirBuffer::Role::kInput;
  return roles;
}

LirBuffer::Role role_of(const Graph& g, const Placed& p, const Vec<LirBuffer::Role>& roles) {
  if (g[p.value].def.kind == ValueDef::Kind::kConstant) return LirBuffer::Role::kConstant;
  return p.copy != 0 ? LirBuffer::Role::kTemporary : roles[p.value.index];
}

// The last group of each one's wave.
Vec<uint32_t> ends_of(const Vec<uint32_t>& wave) {
  Vec<uint32_t> ends(wave.size());
  for (size_t i = wave.size(); i-- > 0;) {
    const bool last = i + 1 == wave.size() || wave[i + 1] != wave[i];
    ends[i] = last ? static_cast<uint32_t>(i) : ends[i + 1];
  }
  return ends;
}

// What the item's blocks make and give to what lives longer. It lives in a trip alone, as what the next one tells may size
// it.
std::set<uint32_t> given_away(const Lir& lir, uint32_t item) {
  std::set<NodeId> made;
  std::set<uint32_t> given;
  const Vec<uint32_t>& ends = lir.groups[item].ends;
  for (uint32_t i = item + 1; !ends.empty() && i < ends.back(); ++i) {
    const Group& g = lir.groups[i];
    made.insert(g.nodes.begin(), g.nodes.end());
    if (!is_given(lir, g)) continue;
    const ValueDef& from = lir.graph[lir.placed[g.args[0]].value].def;
    if (from.kind == ValueDef::Kind::kNode && made.contains(from.node)) given.insert(g.args[0]);
  }
  return given;
}

void set_lifetimes(Lir& lir, const Vec<uint32_t>& wave) {
  Vec<bool> seen(lir.buffers.size());
  Vec<uint32_t> ends = ends_of(wave);
  for (uint32_t i = 0; i < lir.groups.size(); ++i) {
    const std::set<uint32_t> apart = given_away(lir, i);
    for (const uint32_t placed : lir.groups[i].args) {
      if (apart.contains(placed)) continue;
      const uint32_t b = lir.placed[placed].buffer;
      if (!seen[b]) lir.buffers[b].first = wave[i];
      seen[b] = true;
      const Vec<uint32_t>& blocks = lir.groups[i].ends;
      const uint32_t last = blocks.empty() ? ends[i] : blocks.back() - 1;
      lir.buffers[b].last = std::max(lir.buffers[b].last, last);
    }
  }
}

// Temporaries that keep a fill, by the start of their lives.
Vec<const Placed*> filled_temporaries(const Lir& lir) {
  Vec<const Placed*> filled;
  for (const Placed& p : lir.placed) {
    const bool temporary = lir.buffers[p.buffer].role == LirBuffer::Role::kTemporary;
    if (temporary && !p.inside && keeps_fill(p.storage)) filled.push_back(&p);
  }
  std::ranges::stable_sort(filled, {},
                           [&](const Placed* p) { return lir.buffers[p->buffer].first; });
  return filled;
}

// Slots of one make: which are in use, and until when.
class SlotPool {
 public:
  // The first slot that is free from group `first` on, taken until `last`; nullopt where none is. Calls come
  // in the order of `first`.
  std::optional<int32_t> take(uint32_t first, uint32_t last) {
    while (!busy_.empty() && busy_.begin()->first < first) {
      free_.insert(busy_.begin()->second);
      busy_.erase(busy_.begin());
    }
    if (free_.empty()) return std::nullopt;
    int32_t slot = *free_.begin();
    free_.erase(free_.begin());
    hold(slot, last);
    return slot;
  }

  void hold(int32_t slot, uint32_t last) { busy_.emplace(last, slot); }

 private:
  std::set<std::pair<uint32_t, int32_t>> busy_;
  std::set<int32_t> free_;
};

// By group: whether a block begins or ends before it, or it has blocks or tells, or one before it does.
Vec<bool> block_starts(const Lir& lir) {
  Vec<bool> starts(lir.groups.size() + 1);
  for (size_t i = 0; i < lir.groups.size(); ++i) {
    const Group& item = lir.groups[i];
    const bool tells = !item.nodes.empty() && lir.graph[item.nodes[0]].op().tells;
    if (item.ends.empty() && !tells && !is_given(lir, item)) continue;
    starts[i] = starts[i + 1] = true;
    for (const uint32_t end : lir.groups[i].ends) starts[end] = true;
  }
  return starts;
}

bool is_straight(const Lir& lir) {
  const Vec<bool> starts = block_starts(lir);
  return std::ranges::find(starts, true) == starts.end();
}

// What buffers of one slot have in common, as text.
std::string make_of(const Lir& lir, const Placed& p) {
  return std::string(name(lir.buffers[p.buffer].dtype)) + " " +
         to_text(lir.graph[p.value].type.shape) + " " + to_text(p.storage);
}

// A border is worth writing in each run where it is that part of its buffer, or less.
constexpr int64_t kBorderPart = 8;
// Smaller ones cost little memory.
constexpr int64_t kFewBytes = 256 << 10;

// Whether its border is filled in each run, so that its memory is others' too. GPUs' memory is there before they run.
bool is_filled_anew(const Lir& lir, const Placed& p) {
  if (!lir.target.starts_with("cpu:") || is_sub_byte(lir.buffers[p.buffer].dtype)) return false;
  const int64_t border = elements_of(border_of(p.storage, lir.graph[p.value].type.shape));
  const std::optional<int64_t> elements = lir.buffers[p.buffer].elements.constant();
  return border > 0 && *elements * size_of(lir.buffers[p.buffer].dtype) >= kFewBytes &&
         border <= *elements / kBorderPart;
}

// First fit by time over slots of the same make. Where control may go several ways nothing is filled anew.
void assign_slots(Lir& lir) {
  const bool straight = is_straight(lir);
  std::map<std::string, SlotPool> pools;
  int32_t slots = 0;
  for (const Placed* p : filled_temporaries(lir)) {
    LirBuffer& b = lir.buffers[p->buffer];
    b.fill = p->storage.fill;
    if (straight && is_filled_anew(lir, *p)) continue;
    SlotPool& pool = pools[make_of(lir, *p)];
    std::optional<int32_t> slot = pool.take(b.first, b.last);
    b.slot = slot ? *slot : slots;
    if (!slot) pool.hold(slots++, b.last);
  }
}

struct Use {
  uint32_t placed = 0;
  bool written = false;
};

Vec<Use> uses_of(const Group& g, const Kernel& k) {
  Vec<Use> uses;
  for (size_t a = 0; a < g.args.size(); ++a) uses.push_back({g.args[a], k.args[a].written});
  return uses;
}

}  // namespace

Vec<uint32_t> waves(const Lir& lir, const Vec<PlannedKernel>& kernels) {
  Vec<uint32_t> wave(lir.groups.size());
  const Vec<bool> is_first = block_starts(lir);
  // What the wave has used so far, by container.
  std::map<uint32_t, Vec<Use>> used;
  auto depends = [&](const Use& use) {
    auto earlier = used.find(container_of(lir, use.placed));
    return earlier != used.end() && std::ranges::any_of(earlier->second, [&](const Use& e) {
             return (use.written || e.written) && may_overlap(lir, use.placed, e.placed);
           });
  };
  uint32_t start = 0;
  for (uint32_t i = 0; i < lir.groups.size(); ++i) {
    const Vec<Use> uses = uses_of(lir.groups[i], kernels[i].kernel);
    if (is_first[i] || std::ranges::any_of(uses, depends)) {
      start = i;
      used.clear();
    }
    wave[i] = start;
    for (const Use& use : uses) used[container_of(lir, use.placed)].push_back(use);
  }
  return wave;
}

void assign_buffers(Lir& lir, const Vec<PlannedKernel>& kernels) {
  lir.buffers.clear();
  const Vec<LirBuffer::Role> roles = roles_of(lir.graph);
  for (Placed& p : lir.placed) {
    if (p.inside) continue;
    const Type& t = lir.graph[p.value].type;
    p.buffer = static_cast<uint32_t>(lir.buffers.size());
    lir.buffers.push_back({.role = role_of(lir.graph, p, roles),
                           .dtype = t.dtype,
                           .elements = storage_elements(p.storage, room_of(lir, p))});
  }
  for (Placed& p : lir.placed) {
    if (p.inside) p.buffer = lir.placed[p.inside->container].buffer;
  }
  set_lifetimes(lir, waves(lir, kernels));
  assign_slots(lir);
}

}  // namespace rlx
