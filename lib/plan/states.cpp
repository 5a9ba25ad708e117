#include "plan/states.h"

#include <algorithm>
#include <map>

#include "ir/tellers.h"
#include "plan/box_copy.h"

namespace rlx {
namespace {

// What copies an input to the same place of an output, by unit.
struct Kept {
  Vec<BoxCopy> copies;
  Vec<size_t> units;
};

class StateFinder {
 public:
  StateFinder(Vec<Unit>& units, const Graph& g)
      : units_(units), g_(g), gone_(units.size()), is_input_(g.values.size()) {
    for (const ValueId v : g.inputs()) is_input_[v.index] = true;
    for (size_t u = 0; u < units.size(); ++u) {
      if (units[u].region == Graph::kTop) note(u);
    }
  }

  Vec<State> run() {
    for (const ValueId out : g_.outputs()) {
      auto kept = kept_.find(out);
      if (kept == kept_.end()) continue;
      for (const auto& [in, copies] : kept->second) {
        if (take(in, out, copies)) break;
      }
    }
    for (size_t u = 0; u < units_.size(); ++u) remove_stages(units_[u].kernel, gone_[u]);
    if (!states_.empty()) std::erase_if(units_, is_gone);
    return std::move(states_);
  }

 private:
  void note(size_t u) {
    for (BoxCopy& c : box_copies_of(units_[u].kernel)) {
      if (!is_input_[c.from.index] || c.from_start != c.to_start) continue;
      Kept& kept = kept_[c.to][c.from];
      kept.copies.push_back(std::move(c));
      kept.units.push_back(u);
    }
  }

  bool take(ValueId in, ValueId out, const Kept& kept) {
    const std::optional<uint32_t> axis = growing_axis(g_[in].type, g_[out].type);
    const bool is_taken =
        std::ranges::any_of(states_, [&](const State& s) { return s.input == in; });
    if (!axis || is_taken || !reads_all(kept.copies, g_[in].type.shape)) return false;
    State s{in, out, *axis, {}, {}};
    name_capacities(s);
    states_.push_back(std::move(s));
    for (size_t i = 0; i < kept.units.size(); ++i) {
      gone_[kept.units[i]].insert(kept.copies[i].stage);
    }
    return true;
  }

  // The only axis that differs, along which there is room for more.
  std::optional<uint32_t> growing_axis(const Type& in, const Type& out) const {
    if (in.dtype != out.dtype || is_sub_byte(in.dtype)) return std::nullopt;
    std::optional<uint32_t> axis;
    for (uint32_t i = 0; i < in.shape.size(); ++i) {
      if (in.shape[i] == out.shape[i]) continue;
      // What only the run tells has no room before.
      if (axis || in.shape[i].constant() || speaks_of_told(g_, out.shape[i])) return std::nullopt;
      if (!proven_nonnegative(out.shape[i] - in.shape[i], g_.symbol_ranges())) return std::nullopt;
      axis = i;
    }
    return axis;
  }

  // States that grow alike have the same symbols: who is fed back is as long as the others, and their kernels are equal.
  void name_capacities(State& s) {
    auto [named, is_new] = capacities_.try_emplace(
        {g_[s.input].type.shape[s.axis], g_[s.output].type.shape[s.axis]}, Names());
    if (is_new) named->second = {fresh_name(), fresh_name()};
    s.input_capacity = named->second.first;
    s.output_capacity = named->second.second;
  }

  std::string fresh_name() {
    std::string name;
    do {
      name = "capacity" + std::to_string(next_name_++);
    } while (g_.find_symbol(std::string_view(name)));
    return name;
  }

  using Names = std::pair<std::string, std::string>;

  Vec<Unit>& units_;
  const Graph& g_;
  // By unit: stages that a state copies.
  Vec<std::set<size_t>> gone_;
  // By value.
  Vec<bool> is_input_;
  // By output and input.
  std::map<ValueId, std::map<ValueId, Kept>> kept_;
  // By the extents of input and output along the axis.
  std::map<std::pair<Dim, Dim>, Names> capacities_;
  int next_name_ = 0;
  Vec<State> states_;
};

bool is_copied_by(const Lir& lir, const State& s, const Group& item) {
  if (!item.nodes.empty()) return false;
  const Placed &from = lir.placed[item.args[0]], &to = lir.placed[item.args[1]];
  if (from.value != s.input || from.copy != 0 || !is_copied_by_state(lir, to)) return false;
  return std::ranges::all_of(to.inside->start, [](const Dim& d) { return d.is(0); });
}

}  // namespace

Vec<State> take_states(Vec<Unit>& units, const Graph& g) { return StateFinder(units, g).run(); }

bool are_states_copied(const Lir& lir) {
  if (lir.groups.size() < lir.states.size()) return false;
  for (size_t i = 0; i < lir.states.size(); ++i) {
    if (!is_copied_by(lir, lir.states[i], lir.groups[i])) return false;
  }
  return true;
}

}  // namespace rlx
