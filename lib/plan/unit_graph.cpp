#include "plan/unit_graph.h"

#include <algorithm>

#include "kernel/estimate.h"
#include "support/sort_uniquely.h"

namespace rlx {
namespace {

double heaviest_work(const Kernel& k) {
  double most = 0;
  for (const Stage& s : k.stages) most = std::max(most, estimated_work(k, s));
  return most;
}

Vec<ValueId> values_read(const Unit& u) {
  const Kernel& k = u.kernel;
  Vec<ValueId> values = u.awaits;
  if (u.is_control) {
    for (const Arg& a : k.args) {
      if (!a.written) values.push_back(a.value);
    }
  }
  for (const Stage& s : k.stages) {
    for (const Access& a : s.reads) {
      if (a.of == Access::Of::kArg) values.push_back(k.args[a.tensor].value);
    }
  }
  sort_uniquely(values);
  return values;
}

Vec<ValueId> values_written(const Unit& u) {
  Vec<ValueId> values;
  if (u.tells.valid()) values.push_back(u.tells);
  for (const Arg& a : u.kernel.args) {
    if (a.written) values.push_back(a.value);
  }
  sort_uniquely(values);
  return values;
}

// Calls gone for what only `old` has, and come for what only `now` has. Both ascend.
template <class Gone, class Come>
void each_change(const Vec<ValueId>& old, const Vec<ValueId>& now, Gone gone, Come come) {
  for (const ValueId v : old) {
    if (!std::ranges::binary_search(now, v)) gone(v);
  }
  for (const ValueId v : now) {
    if (!std::ranges::binary_search(old, v)) come(v);
  }
}

}  // namespace

UnitGraph::UnitGraph(Vec<Unit> units, size_t values)
    : order_(units.size()), writer_(values), readers_(values), seen_(units.size()) {
  nodes_.reserve(units.size());
  for (Unit& u : units) {
    const double work = heaviest_work(u.kernel);
    nodes_.push_back({std::move(u), work});
  }
  for (size_t u = 0; u < nodes_.size(); ++u) note_uses(UnitId(u));
}

Vec<UnitId> UnitGraph::writers_for(UnitId reader) const {
  Vec<UnitId> found;
  for (const ValueId v : nodes_[reader.index].reads) {
    if (const UnitId w = writer_of(v); w.valid() && w != reader) found.push_back(w);
  }
  std::ranges::sort(found, [&](UnitId a, UnitId b) { return order_.is_before(b, a); });
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Vec<UnitId> UnitGraph::siblings_of(UnitId u) const {
  // As many on either side, so that a value of many readers costs in proportion to them.
  constexpr int kNear = 4;
  Vec<UnitId> found;
  for (const ValueId v : nodes_[u.index].reads) {
    // What tells them both is nothing that they would share.
    if (std::ranges::binary_search(nodes_[u.index].unit.awaits, v)) continue;
    const std::set<UnitId>& readers = readers_of(v);
    const auto here = readers.find(u);
    auto from = here;
    for (int i = 0; i < kNear && from != readers.begin(); ++i) found.push_back(*--from);
    from = std::next(here);
    for (int i = 0; i < kNear && from != readers.end(); ++i) found.push_back(*from++);
  }
  std::erase_if(found, [&](UnitId r) { return reads_from(r, u) || reads_from(u, r); });
  std::ranges::sort(found, [&](UnitId a, UnitId b) { return order_.is_before(a, b); });
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

// From the reader back, and never to before the writer.
bool UnitGraph::has_path_between(UnitId writer, UnitId reader) const {
  if (!has_other_reader_before(writer, reader)) return false;
  seen_.clear();
  Vec<UnitId> open{reader};
  while (!open.empty()) {
    const UnitId u = open.back();
    open.pop_back();
    for (const ValueId v : nodes_[u.index].reads) {
      const UnitId w = writer_of(v);
      if (!w.valid() || !order_.is_before(writer, w) || w == u || !seen_.add(w)) continue;
      if (reads_from(w, writer)) return true;
      open.push_back(w);
    }
  }
  return false;
}

bool UnitGraph::has_other_reader_before(UnitId writer, UnitId reader) const {
  return std::ranges::any_of(nodes_[writer.index].writes, [&](ValueId v) {
    return std::ranges::any_of(readers_of(v),
                               [&](UnitId r) { return order_.is_before(r, reader); });
  });
}

bool UnitGraph::reads_from(UnitId u, UnitId writer) const {
  return std::ranges::any_of(nodes_[writer.index].writes, [&](ValueId v) { return reads(u, v); });
}

void UnitGraph::merge(UnitId writer, UnitId reader, Unit merged) {
  const Node& heavier =
      nodes_[(nodes_[writer.index].work < nodes_[reader.index].work ? reader : writer).index];
  merged.kernel.name = heavier.unit.kernel.name;
  nodes_[reader.index].work = heavier.work;
  nodes_[writer.index].unit = {};
  note_uses(writer);
  order_.remove(writer);
  nodes_[reader.index].unit = std::move(merged);
  note_uses(reader);
  settle(reader);
}

// Moves units before u that depend on it to just behind it, in order.
void UnitGraph::settle(UnitId u) {
  seen_.clear();
  Vec<UnitId> late;
  auto add_readers = [&](UnitId of) {
    for (const ValueId v : nodes_[of.index].writes) {
      for (const UnitId r : readers_of(v)) {
        if (order_.is_before(r, u) && seen_.add(r)) late.push_back(r);
      }
    }
  };
  add_readers(u);
  // NOLINTNEXTLINE(modernize-loop-convert): it grows meanwhile.
  for (size_t i = 0; i < late.size(); ++i) add_readers(late[i]);
  std::ranges::sort(late, [&](UnitId a, UnitId b) { return order_.is_before(a, b); });
  for (const UnitId moved : late) order_.remove(moved);
  order_.insert_behind(u, late);
}

Vec<Unit> UnitGraph::take() {
  Vec<Unit> units;
  for (UnitId u = first(); u.valid(); u = after(u)) {
    units.push_back(std::move(nodes_[u.index].unit));
  }
  return units;
}

void UnitGraph::note_uses(UnitId u) {
  const Unit& unit = nodes_[u.index].unit;
  set_reads(u, values_read(unit));
  set_writes(u, values_written(unit));
}

void UnitGraph::set_reads(UnitId u, Vec<ValueId> reads) {
  Vec<ValueId>& old = nodes_[u.index].reads;
  each_change(
      old, reads, [&](ValueId v) { readers_[v.index].erase(u); },
      [&](ValueId v) { readers_[v.index].insert(u); });
  old = std::move(reads);
}

void UnitGraph::set_writes(UnitId u, Vec<ValueId> writes) {
  Vec<ValueId>& old = nodes_[u.index].writes;
  each_change(
      old, writes,
      [&](ValueId v) {
        // Another may write it by now.
        if (writer_[v.index] == u) writer_[v.index] = {};
      },
      [&](ValueId v) { writer_[v.index] = u; });
  old = std::move(writes);
}

}  // namespace rlx
