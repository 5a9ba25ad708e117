#include "plan/choose.h"

#include <algorithm>

#include "plan/layout.h"

namespace rlx {
namespace {

using Rows = Vec<Alternative>;

// Steps of one position for each of as many positions as costs are taken for.
constexpr int64_t kSteps = 128;

Result<Vec<Rows>> rows_of(const Vec<Unit>& units, const Target& target, Menu menu,
                          const LikelyDims& likely) {
  Vec<Rows> rows;
  Vec<Diagnostic> problems;
  for (const Unit& u : units) {
    if (u.is_control) {
      rows.push_back({{.choice = {}, .needs = Vec<Need>(u.kernel.args.size())}});
      continue;
    }
    Result<Rows> all = likely_rows(u.kernel, target, menu, likely);
    if (all) {
      rows.push_back(std::move(*all));
    } else {
      problems.insert(problems.end(), all.error().items.begin(), all.error().items.end());
    }
  }
  if (!problems.empty()) return Error(std::move(problems));
  return rows;
}

class Chooser {
 public:
  Chooser(const Vec<Unit>& units, const Graph& g, const Target& target, Menu menu, Vec<Rows> rows,
          const Vec<State>& states)
      : units_(units),
        g_(g),
        target_(target),
        menu_(menu),
        rows_(std::move(rows)),
        uses_(g.values.size()),
        is_fixed_(kept_values(g)),
        is_appended_(g.values.size()),
        copy_costs_(g.values.size()) {
    for (const State& s : states) is_appended_[s.output.index] = true;
    for (const Rows& all : rows_) {
      picked_.push_back(static_cast<size_t>(&cheapest(all) - all.data()));
    }
    for (const ValueId v : g.inputs()) is_fixed_[v.index] = true;
    for (size_t u = 0; u < units_.size(); ++u) note_uses(u);
  }

  Vec<Alternative> run() {
    // Every change makes the whole cheaper; few sweeps find the most of it.
    constexpr int kMostSweeps = 4;
    for (int sweep = 0; sweep < kMostSweeps && improve_all(); ++sweep) {
    }
    Vec<Alternative> chosen;
    for (size_t u = 0; u < units_.size(); ++u) chosen.push_back(std::move(rows_[u][picked_[u]]));
    return chosen;
  }

 private:
  struct Use {
    size_t unit, arg;
  };

  void note_uses(size_t u) {
    const Vec<Arg>& args = units_[u].kernel.args;
    for (size_t a = 0; a < args.size(); ++a) {
      if (!args[a].written && !args[a].constant) uses_[args[a].value.index].push_back({u, a});
    }
  }

  bool improve_all() {
    bool changed = false;
    for (size_t u = 0; u < units_.size(); ++u) changed |= rows_[u].size() > 1 && improve(u);
    return changed;
  }

  bool improve(size_t u) {
    const size_t before = picked_[u];
    size_t best = before;
    Cost least = cost_around(u);
    for (size_t row = 0; row < rows_[u].size(); ++row) {
      picked_[u] = row;
      const Cost cost = cost_around(u);
      if (cost >= least) continue;
      least = cost;
      best = row;
    }
    picked_[u] = best;
    return best != before;
  }

  // Of the unit, and of the copies of all that it reads.
  Cost cost_around(size_t u) {
    Cost sum = rows_[u][picked_[u]].cost;
    Vec<ValueId> seen;
    for (const Arg& a : units_[u].kernel.args) {
      if (a.written || a.constant || std::ranges::count(seen, a.value)) continue;
      seen.push_back(a.value);
      for (const Storage& s : copies_of(a.value)) sum += copy_cost(a.value, s);
    }
    return sum;
  }

  const Need& need_of(const Use& use) const {
    return rows_[use.unit][picked_[use.unit]].needs[use.arg];
  }

  // The storages that its readers need and it does not have.
  Vec<Storage> copies_of(ValueId v) const {
    Vec<const Need*> needs;
    for (const Use& use : uses_[v.index]) needs.push_back(&need_of(use));
    Vec<Storage> there;
    const int rank = g_[v].type.rank();
    if (is_fixed_[v.index]) there.push_back(Storage::row_major(rank));
    if (there.empty()) there.push_back(wanted_by(needs).value_or(Storage::row_major(rank)));
    for (const Need* need : needs) {
      const bool met =
          std::ranges::any_of(there, [&](const Storage& s) { return need->is_met_by(s); });
      if (!met) there.push_back(need->wanted(rank));
    }
    there.erase(there.begin());
    return there;
  }

  Cost copy_cost(ValueId v, const Storage& to) {
    for (const auto& [storage, cost] : copy_costs_[v.index]) {
      if (storage == to) return cost;
    }
    const Cost once = cost_of_copy(g_, v, to, target_, menu_);
    const Cost cost = once * (is_appended_[v.index] ? kSteps : 1);
    copy_costs_[v.index].emplace_back(to, cost);
    return cost;
  }

  const Vec<Unit>& units_;
  const Graph& g_;
  const Target& target_;
  Menu menu_;
  // By unit: its menu, and which row it takes.
  Vec<Rows> rows_;
  Vec<size_t> picked_;
  // By value: who reads it, whether it is row-major whatever they need, whether a state gives it, what copies cost.
  Vec<Vec<Use>> uses_;
  Vec<bool> is_fixed_, is_appended_;
  Vec<Vec<std::pair<Storage, Cost>>> copy_costs_;
};

}  // namespace

Result<Vec<Alternative>> choose(const Vec<Unit>& units, const Graph& g, const Target& target,
                                Menu menu, const LikelyDims& likely, const Vec<State>& states) {
  RLX_TRY(Vec<Rows> rows, rows_of(units, target, menu, likely));
  return Chooser(units, g, target, menu, std::move(rows), states).run();
}

Result<Vec<Alternative>> choose_undemanding(const Vec<Unit>& units, const Target& target,
                                            Menu menu) {
  RLX_TRY(Vec<Rows> rows, rows_of(units, target, menu, {}));
  Vec<Alternative> chosen;
  for (Rows& all : rows) chosen.push_back(std::move(all.back()));
  return chosen;
}

}  // namespace rlx
