#include "passes/changing_extents.h"

#include <algorithm>

#include "ir/tellers.h"
#include "op/loop.h"
#include "passes/settle_symbols.h"

namespace rlx {
namespace {

class ChangingExtents {
 public:
  explicit ChangingExtents(Graph& g) : g_(g) {
    for (const RegionId r : g.live_regions()) {
      for (const NodeId n : g[r].nodes) {
        if (as<ops::Loop>(g[n]) && has_body(g[n])) loops_.push_back(n);
      }
    }
  }

  void run(const std::function<void(Graph&)>& infer) {
    if (loops_.empty()) return;
    each_carried([&](NodeId, size_t, ValueId out) {
      before_.emplace(out, std::exchange(g_[out].type, Type::unknown()));
    });
    Graph trial;
    do {
      trial = g_;
      infer(trial);
    } while (note(trial));
    settle(trial);
  }

 private:
  static bool has_body(const Node& n) {
    return arity_problem(n).empty() && n.outputs.size() + 2 >= n.inputs.size();
  }

  // f(loop, which of those that it carries, the output)
  template <class F>
  void each_carried(F f) const {
    for (const NodeId n : loops_) {
      for (size_t i = 0; i + 2 < g_[n].inputs.size(); ++i) f(n, i, g_[n].outputs[i]);
    }
  }

  // Lists that it carries are written out on trial.
  bool is_same_loop(const Graph& trial, NodeId n) const {
    return trial[n].inputs.size() == g_[n].inputs.size();
  }

  // Whether more of them change than was known.
  bool note(const Graph& trial) {
    bool more = false;
    each_carried([&](NodeId n, size_t i, ValueId out) {
      const Node& loop = trial[n];
      if (!is_same_loop(trial, n)) return;
      const Region& body = trial[loop.regions[0]];
      if (body.arguments.size() <= 2 + i || body.results.size() <= 1 + i) return;
      const Type &given = trial[loop.inputs[2 + i]].type,
                 &argument = trial[body.arguments[2 + i]].type;
      const Type& after = trial[body.results[1 + i]].type;
      if (!given.is_tensor() || !argument.is_tensor()) return;
      const bool comparable = after.is_tensor() && after.rank() == argument.rank();
      for (size_t axis = 0; axis < argument.shape.size(); ++axis) {
        const bool stays = comparable && after.shape[axis] == argument.shape[axis];
        if (!stays && !is_told(out, axis)) more = tell(out, given, axis);
      }
    });
    return more;
  }

  bool is_told(ValueId out, size_t axis) const {
    const Type& t = g_[out].type;
    return t.is_tensor() && t.shape[axis].as_symbol().has_value();
  }

  // By the symbol that it was before, or a fresh one.
  bool tell(ValueId out, const Type& given, size_t axis) {
    Type& t = g_[out].type;
    if (!t.is_tensor()) t = Type::tensor(given.dtype, Vec<Dim>(given.shape.size(), Dim(0)));
    const Type& before = before_.at(out);
    if (before.is_tensor() && before.rank() == given.rank() &&
        told_symbol_of(g_, before.shape[axis])) {
      t.shape[axis] = before.shape[axis];
    } else {
      t.shape[axis] = new_told_symbol(g_);
    }
    return true;
  }

  // Those that changed before and do not any more are what the loop is given.
  void settle(const Graph& trial) {
    FoundOut found;
    each_carried([&](NodeId n, size_t i, ValueId out) {
      if (!is_same_loop(trial, n)) return;
      const Type &before = before_.at(out), &given = trial[trial[n].inputs[2 + i]].type;
      if (!before.is_tensor() || !given.is_tensor() || before.rank() != given.rank()) return;
      for (size_t axis = 0; axis < given.shape.size(); ++axis) {
        if (is_told(out, axis) || !told_symbol_of(g_, before.shape[axis])) continue;
        // What the trial alone told is something else here.
        if (speaks_of_told(trial, given.shape[axis])) continue;
        const Type was = Type::tensor(given.dtype, {before.shape[axis]});
        found.merge(found_out(g_, was, Type::tensor(given.dtype, {given.shape[axis]})));
      }
    });
    settle_symbols(g_, found);
  }

  Graph& g_;
  Vec<NodeId> loops_;
  // By output.
  std::map<ValueId, Type> before_;
};

}  // namespace

void note_changing_extents(Graph& g, const std::function<void(Graph&)>& infer) {
  ChangingExtents(g).run(infer);
}

}  // namespace rlx
