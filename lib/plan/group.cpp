#include "plan/group.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/tellers.h"
#include "kernel/builder.h"
#include "kernel/estimate.h"
#include "kernel/substitute.h"
#include "lir/codes.h"
#include "plan/candidates.h"
#include "plan/copies.h"
#include "plan/fuse.h"
#include "plan/merge.h"
#include "plan/unit_graph.h"
#include "support/ending.h"
#include "support/sort_uniquely.h"

namespace rlx {
namespace {

// The units, and which nodes are where by now.
class Merger {
 public:
  Merger(Vec<Unit> units, const Graph& g)
      : units_(std::move(units), g.values.size()),
        is_kept_(kept_values(g)),
        unit_of_(g.nodes.size()),
        into_(units_.size()) {
    for (UnitId u = units_.first(); u.valid(); u = units_.after(u)) {
      for (const NodeId n : units_[u].nodes) unit_of_[n.index] = u;
    }
  }

  const UnitGraph& units() const { return units_; }
  Vec<Unit> take() { return units_.take(); }

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

  Result<Unit> merged(UnitId writer, UnitId reader) const {
    if (units_[writer].is_control || units_[reader].is_control) {
      return refuse("what runs inside a node stays apart");
    }
    const AtHand here("fuse", node_of(units_[reader].kernel));
    if (units_.has_path_between(writer, reader)) {
      return Error(0, "another kernel stands between them");
    }
    const ValueId v = link(writer, reader);
    if (!v.valid()) {
      return units_.is_before(writer, reader) ? join(units_[writer], units_[reader])
                                              : Result<Unit>(refuse("it runs later"));
    }
    return fuse(units_[writer], units_[reader], v,
                [&](ValueId made) { return needed_outside(made, writer, reader); });
  }

  // The merged unit has the reader's id.
  void merge(UnitId writer, UnitId reader, Unit merged) {
    units_.merge(writer, reader, std::move(merged));
    into_[writer.index] = reader;
  }

 private:
  bool needed_outside(ValueId v, UnitId a, UnitId b) const {
    return is_kept_[v.index] || std::ranges::any_of(units_.readers_of(v), [&](UnitId reader) {
             return reader != a && reader != b;
           });
  }

  UnitGraph units_;
  // By value: also of other kernels than these, or of none.
  Vec<bool> is_kept_;
  // By node: the unit that it was in when last asked for.
  Vec<UnitId> unit_of_;
  // By unit that is gone: the one that has its nodes.
  Vec<UnitId> into_;
};

// Siblings have no value to keep at hand. What they gain is less than the model's error where it is a smaller part
// of their cost: there kernels stay small, so that their tiles have more of the caches.
constexpr int64_t kLittle = 64;

class Decider {
 public:
  Decider(Vec<Unit> units, const Graph& g, const Price& price)
      : merger_(std::move(units), g),
        price_(price),
        cost_(merger_.units().size()),
        version_(cost_.size()) {}

  Groups run() {
    const UnitGraph& units = merger_.units();
    for (UnitId u = units.first(); u.valid(); u = units.after(u)) {
      cost_[u.index] = price_(units[u].kernel);
    }
    for (UnitId u = units.first(); u.valid(); u = units.after(u)) queue_before(u);
    while (!queue_.empty()) {
      const Candidate c = queue_.top();
      queue_.pop();
      if (is_current(c)) consider(c);
    }
    note_refusals();
    out_.units = merger_.take();
    return std::move(out_);
  }

 private:
  struct Refusal {
    std::string reason;
    Cost together;

    bool is_bug() const { return reason.starts_with("unsound"); }
  };

  // What may be merged into the unit, or beside it.
  void queue_before(UnitId u) {
    for (const UnitId w : merger_.units().writers_for(u)) queue(Candidate::Kind::kEdge, w, u);
    for (const UnitId s : merger_.units().siblings_of(u)) {
      if (merger_.units().is_before(s, u)) queue(Candidate::Kind::kSiblings, s, u);
    }
  }

  // All that a change of u has made stale.
  void queue_neighbours_of(UnitId u) {
    queue_before(u);
    const UnitGraph& units = merger_.units();
    std::set<UnitId> readers;
    for (const Arg& a : units[u].kernel.args) {
      if (!a.written) continue;
      for (const UnitId r : units.readers_of(a.value)) {
        if (r != u) readers.insert(r);
      }
    }
    for (const UnitId r : readers) queue(Candidate::Kind::kEdge, u, r);
    for (const UnitId s : units.siblings_of(u)) {
      if (units.is_before(u, s)) queue(Candidate::Kind::kSiblings, u, s);
    }
  }

  void queue(Candidate::Kind kind, UnitId writer, UnitId reader) {
    queue_.push(
        {.kind = kind,
         .writer = writer,
         .reader = reader,
         // Siblings last, when kernels have grown along their edges: they are then weighed once.
         .gain = kind == Candidate::Kind::kEdge ? most_gain(writer, reader) : Cost(),
         .writer_version = version_[writer.index],
         .reader_version = version_[reader.index]});
  }

  Cost most_gain(UnitId writer, UnitId reader) const {
    return cost_[writer.index] + cost_[reader.index];
  }

  bool is_current(const Candidate& c) const {
    return c.writer_version == version_[c.writer.index] &&
           c.reader_version == version_[c.reader.index];
  }

  void consider(Candidate c) {
    // Units may have moved since they were queued.
    const bool turned = merger_.units().is_before(c.reader, c.writer);
    if (c.kind == Candidate::Kind::kSiblings && turned) {
      std::swap(c.writer, c.reader);
      std::swap(c.writer_version, c.reader_version);
    }
    Result<Unit> m = merger_.merged(c.writer, c.reader);
    if (!m) return refuse(c, m.error().first().message, {});
    const Cost apart = most_gain(c.writer, c.reader), together = price_(m->kernel);
    if (apart <= together) return refuse(c, "it would cost more", together);
    if (c.kind == Candidate::Kind::kSiblings &&
        apart.cycles / kLittle > (apart - together).cycles) {
      return refuse(c, "it would gain too little", together);
    }
    c.gain = apart - together;
    // Another one may gain more.
    if (!queue_.empty() && ComesLater()(c, queue_.top())) return queue_.push(c);
    merge(c, std::move(*m), together);
  }

  void merge(const Candidate& c, Unit merged, Cost together) {
    Neighbours n = neighbours(c);
    n.merged = true;
    n.together = together;
    out_.report.neighbours.push_back(std::move(n));
    const UnitGraph& units = merger_.units();
    out_.fusions.push_back({units[c.writer].nodes[0], units[c.reader].nodes[0]});
    merger_.merge(c.writer, c.reader, std::move(merged));
    cost_[c.reader.index] = together;
    ++version_[c.writer.index], ++version_[c.reader.index];
    queue_neighbours_of(c.reader);
  }

  void refuse(const Candidate& c, std::string reason, Cost together) {
    Refusal refusal{std::move(reason), together};
    // A bug, though the values are right: it is told whatever comes later.
    if (refusal.is_bug()) note(c, refusal);
    refusals_[{c.reader, c.writer}] = std::move(refusal);
  }

  void note(const Candidate& c, const Refusal& refusal) {
    Neighbours n = neighbours(c);
    n.reason = refusal.reason;
    n.together = refusal.together;
    out_.report.neighbours.push_back(std::move(n));
  }

  // Of those that are neighbours to the end; of siblings, which most values have, only what was weighed.
  void note_refusals() {
    const UnitGraph& units = merger_.units();
    for (UnitId r = units.first(); r.valid(); r = units.after(r)) {
      for (const UnitId w : units.writers_for(r)) {
        const Refusal& refusal = refusals_.at({r, w});
        if (!refusal.is_bug()) note({.writer = w, .reader = r}, refusal);
      }
      for (const UnitId s : units.siblings_of(r)) {
        auto refusal = refusals_.find({r, s});
        if (refusal == refusals_.end() || refusal->second.together == Cost()) continue;
        note({.kind = Candidate::Kind::kSiblings, .writer = s, .reader = r}, refusal->second);
      }
    }
  }

  Neighbours neighbours(const Candidate& c) const {
    const UnitGraph& units = merger_.units();
    const Kernel &w = units[c.writer].kernel, &r = units[c.reader].kernel;
    Neighbours n{.writer = {w.name, node_of(w)}, .reader = {r.name, node_of(r)}};
    n.siblings = c.kind == Candidate::Kind::kSiblings;
    for (const Arg& a : w.args) {
      if (a.written == n.siblings || !units.reads(c.reader, a.value)) continue;
      n.bytes += bytes_of(a.dtype, estimate(product(a.shape)));
    }
    n.apart = most_gain(c.writer, c.reader);
    return n;
  }

  Merger merger_;
  const Price& price_;
  // By unit: what it costs, and how often it has changed.
  Vec<Cost> cost_;
  Vec<uint32_t> version_;
  CandidateQueue queue_;
  // By reader and writer: the last one.
  std::map<std::pair<UnitId, UnitId>, Refusal> refusals_;
  Groups out_;
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

// What a node that owns regions reads, inside of them too, and gives; what one that tells reads.
Kernel signature_of(const Graph& g, NodeId n) {
  Kernel k{.name = std::string(g[n].op_name()) + std::to_string(n.index)};
  const auto add = [&](const Values& values, bool written) {
    for (const ValueId v : values) {
      if (!v.valid() || arg_of(k, v)) continue;
      const Type& t = g[v].type;
      k.args.push_back({.name = "%" + std::to_string(v.index),
                        .value = v,
                        .dtype = t.dtype,
                        .shape = t.shape,
                        .storage = Storage::row_major(t.rank()),
                        .written = written,
                        .constant = g.constant_of(v) != nullptr});
    }
  };
  add(g[n].inputs, false);
  for (const RegionId r : g[n].regions) add(g[r].captures, false);
  if (!g[n].op().tells) add(g[n].outputs, true);
  // What lives as long as a loop does.
  for (const RegionId r : g[n].regions) {
    if (!g[r].is_loop_body()) continue;
    add(g[r].arguments, true);
    add(g[r].results, true);
  }
  return k;
}

// By symbol that a node of the region tells: a value that stands for it.
using ToldBy = std::unordered_map<SymbolName, ValueId, HashOf>;

ToldBy told_in(const Graph& g, RegionId region) {
  ToldBy told;
  for (const auto& [symbol, tellers] : tellers_of(g, g[region].nodes)) {
    told.emplace(symbol, g[tellers.back()].outputs[0]);
  }
  return told;
}

// Notes who tells what. A node that owns regions awaits all that is told before it: nobody looks inside.
void note_told(Vec<Unit>& units, const Graph& g, RegionId region) {
  const ToldBy told = told_in(g, region);
  if (told.empty()) return;
  Vec<ValueId> earlier;
  for (Unit& u : units) {
    if (u.regions.empty()) {
      each_dim(u.kernel, [&](Dim& d) {
        each_symbol(d, [&](SymbolName s) {
          if (const auto by = told.find(s); by != told.end()) u.awaits.push_back(by->second);
        });
      });
    } else {
      u.awaits = earlier;
    }
    sort_uniquely(u.awaits);
    if (!u.is_control) continue;
    u.tells = g[u.nodes[0]].outputs[0];
    std::erase(u.awaits, u.tells);
    earlier.push_back(u.tells);
  }
}

}  // namespace

Result<Vec<Unit>> units_of(const Graph& g, RegionId region, bool views) {
  Vec<Unit> units;
  Vec<Diagnostic> problems;
  for (const NodeId n : g[region].nodes) {
    const Vec<RegionId>& owned = g[n].regions;
    const bool is_control = !owned.empty() || g[n].op().tells;
    Result<Kernel> k = is_control ? signature_of(g, n) : lower_node(g, n);
    if (k) {
      units.push_back({std::move(*k), {n}, region, owned, is_control});
    } else {
      problems.insert(problems.end(), k.error().items.begin(), k.error().items.end());
    }
  }
  if (!problems.empty()) return Error(std::move(problems));
  if (views) units = fold_copies(std::move(units), g);
  note_told(units, g, region);
  return units;
}

Groups decide_groups(Vec<Unit> units, const Graph& g, const Price& price) {
  return Decider(std::move(units), g, price).run();
}

Result<Vec<Unit>> replay_groups(Vec<Unit> units, const Graph& g, const Vec<Fusion>& fusions) {
  Merger merger(std::move(units), g);
  for (const Fusion& f : fusions) {
    const UnitId writer = merger.unit_with(f.writer), reader = merger.unit_with(f.reader);
    if (!writer.valid() || !reader.valid()) {
      return Error(kPlanMismatch, "the plan names a node that has no kernel");
    }
    if (writer == reader) {
      return Error(kPlanMismatch, "the plan fuses a kernel with itself");
    }
    RLX_TRY(Unit m, merger.merged(writer, reader));
    merger.merge(writer, reader, std::move(m));
  }
  return merger.take();
}

}  // namespace rlx
