#include "plan/hand_over.h"

#include <algorithm>
#include <map>

#include "plan/in_place.h"

namespace rlx {
namespace {

// Of an item: none where it is a copy between storages at most.
struct ItemKernel {
  const Kernel* kernel = nullptr;
  bool writes_once = false;

  bool writes(size_t arg) const { return kernel ? kernel->args[arg].written : arg == 1; }
};

// One of the values that a loop carries, placed.
struct Carried {
  uint32_t argument, result, output;
};

class HandOvers {
 public:
  HandOvers(const Lir& lir, const Vec<ItemKernel>& kernels) : lir_(lir), kernels_(kernels) {
    for (uint32_t p = 0; p < lir.placed.size(); ++p) {
      if (lir.placed[p].copy == 0) placed_[lir.placed[p].value] = p;
    }
  }

  // Of the loop that item owns; one that is not placed is not there.
  Vec<std::optional<Carried>> carried_by(size_t item) const {
    const Node& loop = node(item);
    const Region& body = lir_.graph[loop.regions[0]];
    Vec<std::optional<Carried>> all;
    for (size_t i = 0; i + 2 < loop.inputs.size(); ++i) {
      const auto argument = placed_.find(body.arguments[i + 2]),
                 result = placed_.find(body.results[i + 1]), output = placed_.find(loop.outputs[i]);
      const bool there =
          argument != placed_.end() && result != placed_.end() && output != placed_.end();
      all.push_back(there ? std::optional(Carried{argument->second, result->second, output->second})
                          : std::nullopt);
    }
    return all;
  }

  // All of the output's memory.
  Inside place_of(uint32_t output) const {
    const Placed& p = lir_.placed[output];
    if (p.inside) return *p.inside;
    return {output, Vec<Dim>(lir_.graph[p.value].type.shape.size(), 0)};
  }

  bool lies_in_place(const Carried& c) const {
    return lir_.placed[c.result].inside == place_of(c.output);
  }

  // Whether the result may lie where the output does. `handed_over`: an item that copies it there, if there is one.
  bool may_stay(size_t item, const Carried& c, std::optional<size_t> handed_over) const {
    if (!is_alike(c)) return false;
    bool is_made = false;
    for (size_t i = item + 1; i < lir_.groups[item].ends[0]; ++i) {
      if (i == handed_over) continue;
      const Uses uses = uses_of(i, c);
      if (uses.spoils || (uses.reads_before && is_made) || (uses.reads_after && !is_made)) {
        return false;
      }
      if (!uses.makes) continue;
      if (is_made || (uses.reads_before && !replaces(i, c))) return false;
      is_made = true;
    }
    return is_made;
  }

  bool are_given(size_t item) const {
    size_t begin = item + 1;
    for (size_t b = 0; b < node(item).regions.size(); ++b) {
      const size_t end = lir_.groups[item].ends[b];
      const RegionId branch = node(item).regions[b];
      const Vec<size_t> given = given_outputs(node(item), branch);
      const ValueId* results = lir_.graph[branch].results.data();
      if (end < begin + given.size()) return false;
      if (!hand_over(node(item), given, end - given.size(), results)) return false;
      begin = end;
    }
    return true;
  }

  // Of a loop; notes what lies in its place.
  bool are_carried(size_t item, std::set<uint32_t>& in_place) const {
    const Vec<std::optional<Carried>> all = carried_by(item);
    Vec<size_t> outputs, copied;
    for (size_t i = 0; i < all.size(); ++i) {
      outputs.push_back(i);
      if (!all[i]) return false;
      if (!lies_in_place(*all[i])) {
        copied.push_back(i);
      } else if (may_stay(item, *all[i], std::nullopt)) {
        in_place.insert(all[i]->result);
      } else {
        return false;
      }
    }
    const size_t end = lir_.groups[item].ends[0];
    if (item < all.size() || end < item + 1 + copied.size()) return false;
    const ValueId* results = lir_.graph[node(item).regions[0]].results.data() + 1;
    return hand_over(node(item), outputs, item - all.size(), node(item).inputs.data() + 2) &&
           hand_over(node(item), copied, end - copied.size(), results);
  }

 private:
  // What an item does to the memory of a carried value.
  struct Uses {
    // Reads what the trip was given; makes its result; reads that; writes something else.
    bool reads_before = false, makes = false, reads_after = false, spoils = false;
  };

  const Node& node(size_t item) const { return lir_.graph[lir_.groups[item].nodes[0]]; }
  const Vec<Dim>& shape_of(uint32_t placed) const {
    return lir_.graph[lir_.placed[placed].value].type.shape;
  }

  bool is_alike(const Carried& c) const {
    const Storage& s = lir_.placed[c.output].storage;
    if (lir_.placed[c.argument].storage != s || lir_.placed[c.result].storage != s) return false;
    const bool has_parts = std::ranges::any_of(
        lir_.placed, [&](const Placed& p) { return p.inside && p.inside->container == c.result; });
    return !has_parts && are_same(lir_.graph, shape_of(c.result), shape_of(c.output));
  }

  Uses uses_of(size_t item, const Carried& c) const {
    const Group& g = lir_.groups[item];
    const uint32_t memory = place_of(c.output).container;
    Uses uses;
    for (size_t a = 0; a < g.args.size(); ++a) {
      const bool is_result = g.args[a] == c.result;
      if (!is_result && container_of(lir_, g.args[a]) != memory) continue;
      if (!kernels_[item].writes(a)) {
        (is_result ? uses.reads_after : uses.reads_before) = true;
      } else {
        (is_result && g.ends.empty() ? uses.makes : uses.spoils) = true;
      }
    }
    return uses;
  }

  // Whether the kernel that makes the result may write it over what it reads there.
  bool replaces(size_t item, const Carried& c) const {
    const Group& g = lir_.groups[item];
    const ItemKernel& k = kernels_[item];
    if (!k.kernel || !k.writes_once) return false;
    const auto to = static_cast<size_t>(std::ranges::find(g.args, c.result) - g.args.begin());
    for (size_t from = 0; from < g.args.size(); ++from) {
      if (from == to || container_of(lir_, g.args[from]) != place_of(c.output).container) continue;
      const bool fits = g.args[from] == c.argument &&
                        k.kernel->args[from].shape == k.kernel->args[to].shape &&
                        may_replace(*k.kernel, from, to);
      if (!fits) return false;
    }
    return true;
  }

  // Outputs of an If that a branch's results do not lie in.
  Vec<size_t> given_outputs(const Node& node, RegionId branch) const {
    Vec<size_t> given;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const Graph& g = lir_.graph;
      const Type &from = g[g[branch].results[i]].type, &to = g[node.outputs[i]].type;
      if (!are_same(g, from.shape, to.shape)) given.push_back(i);
    }
    return given;
  }

  // Whether items [first, ...) hand these values over to the outputs.
  bool hand_over(const Node& node, const Vec<size_t>& outputs, size_t first,
                 const ValueId* from) const {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!hands_over(lir_.groups[first + i], from[outputs[i]], node.outputs[outputs[i]])) {
        return false;
      }
    }
    return true;
  }

  // Whether the item copies, or gives, the one value to the other.
  bool hands_over(const Group& item, ValueId from, ValueId to) const {
    if (!item.nodes.empty()) return false;
    const Placed &source = lir_.placed[item.args[0]], &target = lir_.placed[item.args[1]];
    return source.value == from && source.copy == 0 && target.value == to && target.copy == 0;
  }

  const Lir& lir_;
  const Vec<ItemKernel>& kernels_;
  // By value: its copy 0.
  std::map<ValueId, uint32_t> placed_;
};

bool is_loop(const Group& item) { return item.ends.size() == 1; }

Vec<ItemKernel> item_kernels(const Lir& lir, const Vec<Unit>& units,
                             const Vec<Alternative>& choices) {
  Vec<ItemKernel> kernels;
  size_t next = 0;
  for (const Group& item : lir.groups) {
    kernels.emplace_back();
    if (item.nodes.empty()) continue;
    kernels.back() = {&units[next].kernel, choices[next].writes_once};
    ++next;
  }
  return kernels;
}

// The ends of blocks move with their items.
void remove_items(Lir& lir, const std::set<size_t>& gone) {
  for (Group& item : lir.groups) {
    for (uint32_t& end : item.ends) {
      end -= static_cast<uint32_t>(std::distance(gone.begin(), gone.lower_bound(end)));
    }
  }
  size_t at = 0;
  std::erase_if(lir.groups, [&](const Group&) { return gone.contains(at++); });
}

}  // namespace

void carry_in_place(Lir& lir, const Vec<Unit>& units, const Vec<Alternative>& choices) {
  const Vec<ItemKernel> kernels = item_kernels(lir, units, choices);
  const HandOvers hand_overs(lir, kernels);
  std::set<size_t> gone;
  for (size_t item = 0; item < lir.groups.size(); ++item) {
    if (!is_loop(lir.groups[item])) continue;
    const Vec<std::optional<Carried>> all = hand_overs.carried_by(item);
    for (size_t i = 0; i < all.size(); ++i) {
      const size_t copied = lir.groups[item].ends[0] - all.size() + i;
      if (!all[i] || !hand_overs.may_stay(item, *all[i], copied)) continue;
      lir.placed[all[i]->result].inside = hand_overs.place_of(all[i]->output);
      gone.insert(copied);
    }
  }
  remove_items(lir, gone);
}

std::optional<std::set<uint32_t>> carried_in_place(const Lir& lir,
                                                   const Vec<PlannedKernel>& kernels) {
  Vec<ItemKernel> items;
  for (const PlannedKernel& k : kernels) items.push_back({&k.kernel, true});
  const HandOvers hand_overs(lir, items);
  std::set<uint32_t> in_place;
  for (size_t i = 0; i < lir.groups.size(); ++i) {
    const size_t blocks = lir.groups[i].ends.size();
    if (blocks == 1 && !hand_overs.are_carried(i, in_place)) return std::nullopt;
    if (blocks == 2 && !hand_overs.are_given(i)) return std::nullopt;
  }
  return in_place;
}

}  // namespace rlx
