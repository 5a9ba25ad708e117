#include "plan/group.h"

#include <algorithm>

#include "kernel/builder.h"
#include "lir/codes.h"
#include "plan/copies.h"
#include "plan/fuse.h"
#include "support/ending.h"

namespace rlx {
namespace {

class Grouper {
 public:
  Grouper(Vec<Unit> units, const Graph& g)
      : units_(std::move(units)),
        values_(g.values.size()),
        outputs_(g.outputs().begin(), g.outputs().end()) {
    writer_of_ = producers(units_, values_);
  }

  Vec<Fusion> decide(Vec<std::string>& refusals) {
    Vec<Fusion> done;
    for (size_t u = 0; u < units_.size();) {
      std::optional<size_t> merged = fuse_with_latest_writer(u, done, refusals);
      u = merged ? *merged : u + 1;
    }
    return done;
  }

  Status replay(const Fusion& f) {
    std::optional<size_t> writer = unit_with(f.writer), reader = unit_with(f.reader);
    if (!writer || !reader) return Error(kPlanMismatch, "the plan names a node that has no kernel");
    if (*writer == *reader || !link(*writer, *reader).valid())
      return Error(kPlanMismatch, "the plan fuses kernels that do not follow each other");
    RLX_TRY(Unit m, merged(*writer, *reader));
    replace(*writer, *reader, std::move(m));
    return {};
  }

  Vec<Unit> take() { return std::move(units_); }

 private:
  // Units that write what this one reads, latest first.
  Vec<size_t> writers_for(size_t reader) const {
    Vec<size_t> found;
    for (const Arg& a : units_[reader].kernel.args) {
      int w = writer_of_[a.value.index];
      if (w >= 0 && static_cast<size_t>(w) != reader && reads(units_[reader].kernel, a.value))
        found.push_back(static_cast<size_t>(w));
    }
    std::sort(found.rbegin(), found.rend());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  // A value that goes from writer to reader.
  ValueId link(size_t writer, size_t reader) const {
    for (const Arg& a : units_[writer].kernel.args)
      if (a.written && reads(units_[reader].kernel, a.value)) return a.value;
    return {};
  }

  // Whether the reader also needs the writer through a unit between them.
  bool path_between(size_t writer, size_t reader) const {
    Vec<bool> seen(units_.size());
    Vec<size_t> open;
    for (size_t w : writers_for(reader))
      if (w > writer) open.push_back(w);
    while (!open.empty()) {
      size_t u = open.back();
      open.pop_back();
      if (seen[u]) continue;
      seen[u] = true;
      for (size_t w : writers_for(u)) {
        if (w == writer) return true;
        if (w > writer) open.push_back(w);
      }
    }
    return false;
  }

  bool needed_outside(ValueId v, size_t a, size_t b) const {
    if (std::count(outputs_.begin(), outputs_.end(), v)) return true;
    for (size_t u = 0; u < units_.size(); ++u)
      if (u != a && u != b && reads(units_[u].kernel, v)) return true;
    return false;
  }

  Result<Unit> merged(size_t writer, size_t reader) const {
    AtHand here("fuse", node_of(units_[reader].kernel));
    if (path_between(writer, reader)) return Error(0, "another kernel stands between them");
    return fuse(units_[writer], units_[reader], link(writer, reader),
                [&](ValueId v) { return needed_outside(v, writer, reader); });
  }

  std::optional<size_t> fuse_with_latest_writer(size_t reader, Vec<Fusion>& done,
                                                Vec<std::string>& refusals) {
    for (size_t writer : writers_for(reader)) {
      Result<Unit> m = merged(writer, reader);
      if (m) {
        done.push_back({units_[writer].nodes[0], units_[reader].nodes[0]});
        return replace(writer, reader, std::move(*m));
      }
      note(refusals, units_[writer].kernel.name + " -> " + units_[reader].kernel.name + ": " +
                         m.error().first().message);
    }
    return std::nullopt;
  }

  static void note(Vec<std::string>& refusals, std::string line) {
    if (!std::count(refusals.begin(), refusals.end(), line)) refusals.push_back(std::move(line));
  }

  // The merged unit stands where the reader stood; units that read the writer's other values move behind.
  size_t replace(size_t writer, size_t reader, Unit merged) {
    merged.kernel.name = units_[writer].kernel.name;
    units_[reader] = std::move(merged);
    units_.erase(units_.begin() + static_cast<std::ptrdiff_t>(writer));
    size_t place = settle(reader - 1);
    writer_of_ = producers(units_, values_);
    return place;
  }

  // Moves units before `unit` that depend on it to just after it, in order; gives its new place.
  size_t settle(size_t unit) {
    writer_of_ = producers(units_, values_);
    Vec<bool> late(unit);
    for (size_t u = 0; u < unit; ++u)
      for (size_t w : writers_for(u)) late[u] = late[u] || w == unit || (w < u && late[w]);
    Vec<Unit> early, later;
    for (size_t u = 0; u < unit; ++u) (late[u] ? later : early).push_back(std::move(units_[u]));
    size_t place = early.size();
    early.push_back(std::move(units_[unit]));
    std::move(later.begin(), later.end(), std::back_inserter(early));
    std::move(early.begin(), early.end(), units_.begin());
    return place;
  }

  std::optional<size_t> unit_with(NodeId n) const {
    for (size_t u = 0; u < units_.size(); ++u)
      if (std::count(units_[u].nodes.begin(), units_[u].nodes.end(), n)) return u;
    return std::nullopt;
  }

  Vec<Unit> units_;
  size_t values_;
  Values outputs_;
  // By value: the unit that writes it, or -1.
  Vec<int> writer_of_;
};

// Shape arithmetic lies nowhere in memory: kernels have its elements as expressions.
Result<Kernel> lower_node(const Graph& g, NodeId n) {
  RLX_TRY(Kernel k, lower(g, n));
  for (const Arg& a : k.args) {
    if (g[a.value].def.kind != ValueDef::Kind::kDims || !reads(k, a.value)) continue;
    Diagnostic d{.code = 4041,
                 .message =
                     "shape arithmetic is indexed by data or multiplied as a matrix, which is "
                     "not supported yet"};
    d.node = g[n].origin.front();
    d.op = std::string(g[n].op_name());
    return Error(std::move(d));
  }
  return k;
}

}  // namespace

Result<Vec<Unit>> units_of(const Graph& g, bool views) {
  Vec<Unit> units;
  Vec<Diagnostic> problems;
  for (NodeId n : g.top().nodes) {
    Result<Kernel> k = lower_node(g, n);
    if (k) {
      units.push_back({std::move(*k), {n}});
    } else {
      problems.insert(problems.end(), k.error().items.begin(), k.error().items.end());
    }
  }
  if (!problems.empty()) return Error(std::move(problems));
  if (views) fold_copies(units, g);
  return units;
}

Groups decide_groups(Vec<Unit> units, const Graph& g, bool fusion) {
  Groups out;
  Grouper grouper(std::move(units), g);
  if (fusion) out.fusions = grouper.decide(out.refusals);
  out.units = grouper.take();
  return out;
}

Result<Vec<Unit>> replay_groups(Vec<Unit> units, const Graph& g, const Vec<Fusion>& fusions) {
  Grouper grouper(std::move(units), g);
  for (const Fusion& f : fusions) RLX_TRY_VOID(grouper.replay(f));
  return grouper.take();
}

}  // namespace rlx
