// Units with their def-use sets: who writes a value, who reads it, and in which order they run. All of it is
// kept up to date while units are edited and merged, so that nobody scans the units for it.
//
// A unit keeps its id for good: its place among the units that the graph was made of.
#pragma once
#include <set>

#include "plan/unit.h"
#include "plan/unit_order.h"

namespace rlx {

// A set of units that is emptied in no time.
class UnitMarks {
 public:
  explicit UnitMarks(size_t units) : round_(units) {}

  void clear() { ++now_; }
  // Whether u is new.
  bool add(UnitId u) { return std::exchange(round_[u.index], now_) != now_; }

 private:
  // By unit: when it was added last.
  Vec<uint64_t> round_;
  uint64_t now_ = 1;
};

class UnitGraph {
 public:
  // `values`: how many the graph has.
  UnitGraph(Vec<Unit> units, size_t values);

  const Unit& operator[](UnitId u) const { return nodes_[u.index].unit; }
  size_t size() const { return nodes_.size(); }
  // In the order of execution; invalid at the end.
  UnitId first() const { return order_.first(); }
  UnitId after(UnitId u) const { return order_.after(u); }

  // Invalid: none (inputs, constants).
  UnitId writer_of(ValueId v) const { return writer_[v.index]; }
  // Who reads v from memory, by id.
  const std::set<UnitId>& readers_of(ValueId v) const { return readers_[v.index]; }
  bool reads(UnitId u, ValueId v) const { return readers_[v.index].contains(u); }
  // Other units that write what this one reads, latest first.
  Vec<UnitId> writers_for(UnitId reader) const;
  // Units that read a value that this one reads, of each value a few that are next to it by id; in the order of
  // execution. None that this one reads from, or that read from it.
  Vec<UnitId> siblings_of(UnitId u) const;
  bool is_before(UnitId a, UnitId b) const { return order_.is_before(a, b); }
  // Whether the reader also needs the writer through a unit between them.
  bool has_path_between(UnitId writer, UnitId reader) const;

  // Changes the unit's kernel in place: edit(Kernel&).
  template <class F>
  void edit(UnitId u, F edit) {
    edit(nodes_[u.index].unit.kernel);
    note_uses(u);
  }
  // The merged unit takes the reader's id and place, and the writer is gone; units before that place that
  // depend on the merged one move behind it. There must be no path between the two. The kernel is called as
  // the one of the two whose heaviest stage has more work.
  void merge(UnitId writer, UnitId reader, Unit merged);

  // In the order of execution.
  Vec<Unit> take();

 private:
  struct Node {
    Unit unit;
    // Of its heaviest stage, after whose node the kernel is called.
    double work = 0;
    // Ascending.
    Vec<ValueId> reads = {}, writes = {};
  };

  bool has_other_reader_before(UnitId writer, UnitId reader) const;
  bool reads_from(UnitId u, UnitId writer) const;
  void note_uses(UnitId u);
  void set_reads(UnitId u, Vec<ValueId> reads);
  void set_writes(UnitId u, Vec<ValueId> writes);
  void settle(UnitId u);

  Vec<Node> nodes_;
  UnitOrder order_;
  // By value.
  Vec<UnitId> writer_;
  Vec<std::set<UnitId>> readers_;
  mutable UnitMarks seen_;
};

}  // namespace rlx
