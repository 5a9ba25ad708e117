#include "lir/lir.h"

#include <algorithm>

namespace rlx {
namespace {

Box box_of(const Lir& lir, uint32_t placed) {
  const Placed& p = lir.placed[placed];
  const Vec<Dim>& shape = lir.graph[p.value].type.shape;
  return {p.inside ? p.inside->start : Vec<Dim>(shape.size(), 0), shape};
}

}  // namespace

void add_accumulators(Graph& g, const Split& split) {
  for (const Accumulator& a : split.accumulators) {
    if (a.value.index >= g.values.size()) g.values.resize(a.value.index + 1);
    g[a.value] = {.type = a.type, .name = {}, .def = {.node = split.node}};
  }
}

void BlockWalk::enter(uint32_t item) {
  if (item > 0 && !lir_.groups[item - 1].ends.empty()) owners_.push_back(item - 1);
  while (!owners_.empty() && lir_.groups[owners_.back()].ends.back() <= item) owners_.pop_back();
  item_ = item;
}

RegionId BlockWalk::region() const {
  if (owners_.empty()) return Graph::kTop;
  const Group& owner = lir_.groups[owners_.back()];
  size_t block = 0;
  while (owner.ends[block] <= item_) ++block;
  return lir_.graph[owner.nodes[0]].regions[block];
}

bool is_given(const Lir& lir, const Group& g) {
  if (!g.nodes.empty() || g.args.size() != 2) return false;
  const auto type = [&](size_t i) -> const Type& {
    return lir.graph[lir.placed[g.args[i]].value].type;
  };
  return !are_same(lir.graph, type(0).shape, type(1).shape);
}

uint32_t container_of(const Lir& lir, uint32_t placed) {
  const std::optional<Inside>& inside = lir.placed[placed].inside;
  return inside ? inside->container : placed;
}

Vec<std::string> symbol_names(const Lir& lir) {
  Vec<std::string> names = symbol_names(lir.graph);
  const auto add = [&](const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const State& s : lir.states) {
    add(s.input_capacity);
    add(s.output_capacity);
  }
  return names;
}

Vec<Dim> room_of(const Lir& lir, const Placed& p) {
  Vec<Dim> room = lir.graph[p.value].type.shape;
  if (p.copy != 0 || p.inside) return room;
  for (const State& s : lir.states) {
    if (p.value == s.input) room[s.axis] = Dim::symbol(s.input_capacity);
    if (p.value == s.output) room[s.axis] = Dim::symbol(s.output_capacity);
  }
  return room;
}

bool is_copied_by_state(const Lir& lir, const Placed& p) {
  if (!p.inside || p.copy == 0) return false;
  const ValueId outer = lir.placed[p.inside->container].value;
  return std::ranges::any_of(
      lir.states, [&](const State& s) { return s.input == p.value && s.output == outer; });
}

bool may_overlap(const Lir& lir, uint32_t a, uint32_t b) {
  if (a == b) return true;
  if (container_of(lir, a) != container_of(lir, b)) return false;
  return !are_disjoint(box_of(lir, a), box_of(lir, b), lir.graph.symbol_ranges());
}

}  // namespace rlx
