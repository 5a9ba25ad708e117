#include "plan/in_place.h"

#include <algorithm>
#include <map>

namespace rlx {
namespace {

bool is_of(const Access& a, size_t arg) { return a.of == Access::Of::kArg && a.tensor == arg; }

bool is_plain(const Access& a) {
  return std::ranges::all_of(a.index, [](const AxisIndex& i) { return !i.expr; }) &&
         std::ranges::all_of(a.bounds,
                             [](const Bounds& b) { return b.rule == Bounds::Rule::kProven; });
}

bool uses_grid(const Kernel& k, const Dim& d) { return uses_any(d, ids_of(k.grid)); }

// The only stage that writes the argument, a map of one plain write to it; else none.
std::optional<size_t> only_writer(const Kernel& k, size_t arg) {
  std::optional<size_t> writer;
  for (size_t s = 0; s < k.stages.size(); ++s) {
    for (const Access& w : k.stages[s].writes) {
      if (!is_of(w, arg)) continue;
      if (writer || w.combine != Combine::kSet || !is_plain(w)) return std::nullopt;
      writer = s;
    }
  }
  return writer && k.stages[*writer].kind() == Kind::kMap ? writer : std::nullopt;
}

// Whether an earlier stage reads, at each grid point, what only that point will write: each grid loop stands alone
// on an axis of the write, and there in the read too.
bool stays_in_point(const Kernel& k, const Access& read, const Access& write) {
  for (size_t axis = 0; axis < write.index.size(); ++axis) {
    const Dim& w = write.index[axis].dim;
    if (!uses_grid(k, w)) continue;
    if (!w.as_loop() || read.index[axis].dim != w) return false;
  }
  return true;
}

}  // namespace

bool may_replace(const Kernel& k, size_t from, size_t to) {
  if (std::ranges::any_of(k.grid, [](const Loop& l) { return l.sequential; })) return false;
  const std::optional<size_t> writer = only_writer(k, to);
  if (!writer) return false;
  const Vec<Access>& writes = k.stages[*writer].writes;
  const Access& write =
      *std::ranges::find_if(writes, [&](const Access& w) { return is_of(w, to); });
  for (size_t s = 0; s < k.stages.size(); ++s) {
    for (const Access& read : k.stages[s].reads) {
      if (!is_of(read, from)) continue;
      if (s > *writer || !is_plain(read)) return false;
      const bool fits = s == *writer ? read.index == write.index : stays_in_point(k, read, write);
      if (!fits) return false;
    }
  }
  return true;
}

namespace {

// Who lies in each memory that changes hands.
class Occupants {
 public:
  Occupants(const Lir& lir, const Views& views, const std::set<uint32_t>& carried) : lir_(lir) {
    for (uint32_t i = 0; i < lir.placed.size(); ++i) {
      const Placed& p = lir.placed[i];
      if (!p.inside || p.copy != 0 || views.contains(p.value) || carried.contains(i)) continue;
      of_[p.inside->container] = p.inside->container;
    }
  }

  bool are_temporary() const {
    return std::ranges::all_of(of_, [&](const auto& entry) {
      const uint32_t buffer = lir_.placed[entry.first].buffer;
      return lir_.buffers[buffer].role == LirBuffer::Role::kTemporary;
    });
  }

  // Whether the kernel reads and writes who is there, or replaces it; that one is there then.
  bool run(const Group& g, const Kernel& k) {
    std::map<uint32_t, uint32_t> next;
    for (size_t a = 0; a < g.args.size(); ++a) {
      const uint32_t container = container_of(lir_, g.args[a]);
      auto occupant = of_.find(container);
      if (occupant == of_.end() || occupant->second == g.args[a]) continue;
      const bool replaces = k.args[a].written && replaced(g, k, a, occupant->second);
      if (!replaces || !next.emplace(container, g.args[a]).second) return false;
    }
    for (const auto& [container, occupant] : next) of_[container] = occupant;
    return true;
  }

 private:
  bool replaced(const Group& g, const Kernel& k, size_t to, uint32_t occupant) const {
    const Vec<Dim>& shape = k.args[to].shape;
    for (size_t from = 0; from < g.args.size(); ++from) {
      if (g.args[from] != occupant || k.args[from].written) continue;
      return k.args[from].shape == shape && may_replace(k, from, to);
    }
    return false;
  }

  const Lir& lir_;
  // By container.
  std::map<uint32_t, uint32_t> of_;
};

}  // namespace

bool is_in_place_sound(const Lir& lir, const Vec<PlannedKernel>& kernels, const Views& views,
                       const std::set<uint32_t>& carried) {
  Occupants occupants(lir, views, carried);
  if (!occupants.are_temporary()) return false;
  for (size_t i = 0; i < kernels.size(); ++i) {
    if (!occupants.run(lir.groups[i], kernels[i].kernel)) return false;
  }
  return true;
}

}  // namespace rlx
