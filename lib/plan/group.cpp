#include "plan/group.h"

#include <algorithm>
#include <unordered_set>

#include "kernel/builder.h"
#include "lir/codes.h"
#include "plan/copies.h"
#include "plan/fuse.h"
#include "plan/unit_graph.h"
#include "support/ending.h"

namespace rlx {
namespace {

class Grouper {
 public:
  Grouper(Vec<Unit> units, const Graph& g)
      : units_(std::move(units), g.values.size()),
        is_output_(g.values.size()),
        unit_of_(g.nodes.size()),
        into_(units_.size()) {
    for (const ValueId v : g.outputs()) is_output_[v.index] = true;
    for (UnitId u = units_.first(); u.valid(); u = units_.after(u)) {
      for (const NodeId n : units_[u].nodes) unit_of_[n.index] = u;
    }
  }

  Vec<Fusion> decide(Vec<std::string>& refusals) {
    Vec<Fusion> done;
    for (UnitId u = units_.first(); u.valid();) {
      if (!fuse_with_latest_writer(u, done, refusals)) u = units_.after(u);
    }
    return done;
  }

  Status replay(const Fusion& f) {
    const UnitId writer = unit_with(f.writer), reader = unit_with(f.reader);
    if (!writer.valid() || !reader.valid()) {
      return Error(kPlanMismatch, "the plan names a node that has no kernel");
    }
    if (writer == reader || !link(writer, reader).valid()) {
      return Error(kPlanMismatch, "the plan fuses kernels that do not follow each other");
    }
    RLX_TRY(Unit m, merged(writer, reader));
    units_.merge(writer, reader, std::move(m));
    into_[writer.index] = reader;
    return {};
  }

  Vec<Unit> take() { return units_.take(); }

 private:
  // Invalid: none.
  UnitId unit_with(NodeId n) {
    UnitId& u = unit_of_[n.index];
    while (u.valid() && into_[u.index].valid()) u = into_[u.index];
    return u;
  }

  // A value that goes from writer to reader.
  ValueId link(UnitId writer, UnitId reader) const {
    for (const Arg& a : units_[writer].kernel.args) {
      if (a.written && units_.reads(reader, a.value)) return a.value;
    }
    return {};
  }

  bool needed_outside(ValueId v, UnitId a, UnitId b) const {
    return is_output_[v.index] || std::ranges::any_of(units_.readers_of(v), [&](UnitId reader) {
             return reader != a && reader != b;
           });
  }

  Result<Unit> merged(UnitId writer, UnitId reader) const {
    const AtHand here("fuse", node_of(units_[reader].kernel));
    if (units_.has_path_between(writer, reader)) {
      return Error(0, "another kernel stands between them");
    }
    return fuse(units_[writer], units_[reader], link(writer, reader),
                [&](ValueId v) { return needed_outside(v, writer, reader); });
  }

  bool fuse_with_latest_writer(UnitId reader, Vec<Fusion>& done, Vec<std::string>& refusals) {
    for (const UnitId writer : units_.writers_for(reader)) {
      Result<Unit> m = merged(writer, reader);
      if (m) {
        done.push_back({units_[writer].nodes[0], units_[reader].nodes[0]});
        units_.merge(writer, reader, std::move(*m));
        return true;
      }
      note(refusals, units_[writer].kernel.name + " -> " + units_[reader].kernel.name + ": " +
                         m.error().first().message);
    }
    return false;
  }

  void note(Vec<std::string>& refusals, std::string line) {
    if (noted_.insert(line).second) refusals.push_back(std::move(line));
  }

  UnitGraph units_;
  // By value.
  Vec<bool> is_output_;
  // By node: the unit that it was in when last asked for.
  Vec<UnitId> unit_of_;
  // By unit that is gone: the one that has its nodes.
  Vec<UnitId> into_;
  std::unordered_set<std::string> noted_;
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
  if (views) return fold_copies(std::move(units), g);
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
