#include "plan/copies.h"

#include <algorithm>
#include <set>

#include "plan/unit_graph.h"

namespace rlx {
namespace {

// to[loops] = from[index(loops)]
struct Copy {
  size_t stage = 0;
  ValueId from, to;
  Vec<Loop> loops;
  Vec<Dim> index;
  // Of `from`.
  Vec<Dim> shape;
};

// The loops of a write that covers its tensor, by axis. That of an empty part of a concatenation starts where the whole
// does, and covers nothing.
std::optional<Vec<Loop>> loops_of_write(const Access& w, const Vec<Dim>& shape,
                                        const Vec<Loop>& all) {
  if (w.combine != Combine::kSet || w.index.size() != all.size()) return std::nullopt;
  Vec<Loop> loops;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const AxisIndex& i = w.index[axis];
    const std::optional<LoopId> id = i.expr ? std::nullopt : i.dim.as_loop();
    const Loop* loop = id ? find_loop(all, *id) : nullptr;
    if (!loop || loop->extent != shape[axis] || find_loop(loops, *id)) return std::nullopt;
    loops.push_back(*loop);
  }
  return loops;
}

bool is_plain_read(const Access& r) {
  return std::all_of(r.index.begin(), r.index.end(), [](const AxisIndex& i) { return !i.expr; }) &&
         std::all_of(r.bounds.begin(), r.bounds.end(),
                     [](const Bounds& b) { return b.rule == Bounds::Rule::kProven; });
}

std::optional<Copy> copy_of(const Kernel& k, size_t stage) {
  const Stage& s = k.stages[stage];
  if (s.kind() != Kind::kMap || s.reads.size() != 1 || s.writes.size() != 1) return std::nullopt;
  if (s.body[s.results[0].index].fn != Fn::kLoad) return std::nullopt;
  const Access &r = s.reads[0], &w = s.writes[0];
  if (r.of != Access::Of::kArg || w.of != Access::Of::kArg || !is_plain_read(r)) {
    return std::nullopt;
  }
  Vec<Loop> all = k.grid;
  all.insert(all.end(), s.loops.begin(), s.loops.end());
  std::optional<Vec<Loop>> loops = loops_of_write(w, k.args[w.tensor].shape, all);
  if (!loops) return std::nullopt;
  const Arg& from = k.args[r.tensor];
  Copy c{stage, from.value, k.args[w.tensor].value, std::move(*loops), {}, from.shape};
  for (const AxisIndex& i : r.index) c.index.push_back(i.dim);
  return c;
}

// A kernel that copies and does nothing else: what each stage does; else none.
Vec<Copy> copies_of(const Kernel& k) {
  Vec<Copy> copies;
  for (size_t stage = 0; stage < k.stages.size(); ++stage) {
    std::optional<Copy> c = copy_of(k, stage);
    if (!c) return {};
    copies.push_back(std::move(*c));
  }
  return copies;
}

// Whether `to` is a box of `from`, with the same axes: where it stays, it is a view (plan/views.h).
bool is_box(const Copy& c) {
  if (c.index.size() != c.loops.size()) return false;
  for (size_t i = 0; i < c.loops.size(); ++i) {
    const Loop& l = c.loops[i];
    const bool stands_still = l.extent.is(1) && !c.index[i].has_loops();
    if (!stands_still && (c.index[i] - Dim::loop(l.id)).has_loops()) return false;
  }
  return true;
}

// The axis of `from` on which alone this loop stands, unchanged, if that is its only place.
std::optional<size_t> axis_of_loop(const Copy& c, LoopId loop) {
  std::optional<size_t> axis;
  for (size_t j = 0; j < c.index.size(); ++j) {
    bool used = false;
    each_atom(c.index[j],
              [&](const Atom& a) { used |= a.kind == Atom::Kind::kLoop && a.loop == loop; });
    if (!used) continue;
    if (axis || c.index[j] != Dim::loop(loop)) return std::nullopt;
    axis = j;
  }
  return axis;
}

bool has_different_fills(const Access& a) {
  const Scalar* first = nullptr;
  for (const Bounds& b : a.bounds) {
    if (b.rule != Bounds::Rule::kFill) continue;
    if (first && *first != b.fill) return true;
    first = &b.fill;
  }
  return false;
}

// The access of `to` as an access of `from`; nullopt where an index by data or a bounds rule cannot move.
std::optional<Access> compose(const Copy& c, const Access& a, uint32_t from_arg,
                              const RangeOf& range) {
  // Of several axes outside, the first one's fill counts: an order that a copy may change.
  if (has_different_fills(a)) return std::nullopt;
  Access out{.of = Access::Of::kArg, .tensor = from_arg, .combine = a.combine};
  out.index.resize(c.index.size());
  out.bounds.resize(c.index.size());
  LoopMap at;
  for (size_t i = 0; i < a.index.size(); ++i) {
    const bool special = a.index[i].expr || a.bounds[i].rule != Bounds::Rule::kProven;
    if (!special) {
      at[c.loops[i].id] = a.index[i].dim;
      continue;
    }
    // Bounds are those of the copy: where it took a part of the axis, they cannot move.
    std::optional<size_t> axis = axis_of_loop(c, c.loops[i].id);
    if (!axis || c.shape[*axis] != c.loops[i].extent) return std::nullopt;
    at[c.loops[i].id] = a.index[i].dim;
    out.bounds[*axis] = a.bounds[i];
    out.index[*axis] = a.index[i];
  }
  for (size_t j = 0; j < c.index.size(); ++j) {
    if (!out.index[j].expr) out.index[j].dim = simplify(substitute_loops(c.index[j], at), range);
  }
  return out;
}

// What a reader's stage asks of a composed access.
bool accepts(const Stage& s, const Access& composed) {
  switch (s.kind()) {
    case Kind::kMap:
    case Kind::kReduce:
    case Kind::kScan:
    case Kind::kSort: return true;
    case Kind::kContract: return is_even(s, composed);
    // Their geometry is checked against their accesses.
    case Kind::kConv: return false;
  }
  return false;
}

class Folder {
 public:
  Folder(Vec<Unit> units, const Graph& g)
      : units_(std::move(units), g.values.size()), symbols_(g.symbol_ranges()) {
    const Vec<bool> kept = kept_values(g);
    for (size_t v = 0; v < kept.size(); ++v) {
      if (kept[v]) kept_.insert(ValueId(v));
    }
  }

  Vec<Unit> run() {
    for (UnitId u = units_.first(); u.valid(); u = units_.after(u)) fold_into_copies(u);
    for (UnitId u = units_.first(); u.valid(); u = units_.after(u)) fold(u);
    Vec<Unit> left = units_.take();
    std::erase_if(left, is_gone);
    return left;
  }

 private:
  bool is_kept(ValueId v) const { return kept_.contains(v); }

  Vec<UnitId> readers_of(ValueId v) const {
    const std::set<UnitId>& readers = units_.readers_of(v);
    return {readers.begin(), readers.end()};
  }

  // From the last copy of a kernel to the first: those that go leave the others their places.
  void fold_into_copies(UnitId u) {
    const Vec<Copy> copies = copies_of(units_[u].kernel);
    for (size_t i = copies.size(); i-- > 0;) {
      for (const UnitId r : readers_of(copies[i].to)) {
        if (!copies_of(units_[r].kernel).empty()) read_through(u, copies[i], r);
      }
      remove_if_dead(u, copies[i]);
    }
  }

  void fold(UnitId u) {
    const Vec<Copy> copies = copies_of(units_[u].kernel);
    for (size_t i = copies.size(); i-- > 0;) fold(u, copies[i], copies.size() == 1);
  }

  void fold(UnitId u, const Copy& c, bool is_only_one) {
    const Vec<UnitId> readers = readers_of(c.to);
    bool all_take = !is_kept(c.to) && !readers.empty();
    bool all_affine = all_take;
    for (const UnitId r : readers) {
      all_take &= can_read_through(c, r, false);
      all_affine &= can_read_through(c, r, true);
    }
    if (!all_affine && is_only_one && write_through(u, c)) return;
    // What is left of a box costs nothing.
    const bool is_view = is_box(c) && !is_kept(c.to);
    if (!all_take && !is_view) return;
    for (const UnitId r : readers) read_through(u, c, r);
    remove_if_dead(u, c);
  }

  bool can_read_through(const Copy& c, UnitId reader, bool affine) const {
    const Kernel& k = units_[reader].kernel;
    for (const Stage& s : k.stages) {
      for (const Access& a : s.reads) {
        if (!is_of(k, a, c.to)) continue;
        std::optional<Access> composed = compose(c, a, 0, ranges_of(k, &s, symbols_));
        if (!composed || !accepts(s, *composed) || (affine && !is_affine(*composed))) return false;
      }
    }
    return true;
  }

  void read_through(UnitId u, const Copy& c, UnitId reader) {
    if (!can_read_through(c, reader, false)) return;
    const Kernel& copy = units_[u].kernel;
    units_.edit(reader, [&](Kernel& k) {
      const uint32_t from = find_or_add_arg(k, *arg_of(copy, c.from));
      for (Stage& s : k.stages) {
        bool took = false;
        for (Access& a : s.reads) {
          if (!is_of(k, a, c.to)) continue;
          a = *compose(c, a, from, ranges_of(k, &s, symbols_));
          took = true;
        }
        if (took) s.origin = merge(s.origin, copy.stages[c.stage].origin);
      }
      drop_unused(k);
    });
  }

  // The writer of `from` writes `to` instead.
  bool write_through(UnitId u, const Copy& c) {
    if (is_kept(c.from) || units_.readers_of(c.from).size() != 1) return false;
    const Kernel& copy = units_[u].kernel;
    // Where as many elements are told apart, each is one of the other; of none that says nothing.
    const Dim elements = product(arg_of(copy, c.from)->shape);
    if (elements.is(0) || elements != product(arg_of(copy, c.to)->shape)) return false;
    const UnitId writer = units_.writer_of(c.from);
    if (!writer.valid()) return false;
    bool done = false;
    units_.edit(writer, [&](Kernel& k) { done = write_instead(k, c, copy); });
    if (done) remove(u);
    return done;
  }

  bool write_instead(Kernel& k, const Copy& c, const Kernel& copy) const {
    auto [stage, access] = only_write(k, c.from);
    if (!access) return false;
    std::optional<Vec<Dim>> index = inverted(c, *access, ranges_of(k, stage, symbols_));
    if (!index) return false;
    access->tensor = find_or_add_arg(k, *arg_of(copy, c.to));
    access->index.assign(index->size(), {});
    access->bounds.assign(index->size(), {});
    for (size_t i = 0; i < index->size(); ++i) access->index[i].dim = (*index)[i];
    stage->origin = merge(stage->origin, copy.stages[0].origin);
    drop_unused(k);
    return true;
  }

  std::optional<Vec<Dim>> inverted(const Copy& c, const Access& write, const RangeOf& range) const {
    Vec<Dim> at;
    for (const AxisIndex& i : write.index) {
      if (i.expr) return std::nullopt;
      at.push_back(i.dim);
    }
    std::optional<LoopMap> loops = invert(c.index, at, c.loops, range);
    if (!loops) return std::nullopt;
    Vec<Dim> index;
    for (const Loop& l : c.loops) index.push_back(loops->at(l.id));
    return index;
  }

  // The single plain write of v in the kernel, which does not read v itself.
  static std::pair<Stage*, Access*> only_write(Kernel& k, ValueId v) {
    std::pair<Stage*, Access*> found{nullptr, nullptr};
    for (Stage& s : k.stages) {
      for (Access& a : s.writes) {
        if (!is_of(k, a, v)) continue;
        if (found.second || a.combine != Combine::kSet) return {nullptr, nullptr};
        found = {&s, &a};
      }
    }
    return reads(k, v) ? std::pair<Stage*, Access*>{nullptr, nullptr} : found;
  }

  void remove_if_dead(UnitId u, const Copy& c) {
    if (is_kept(c.to) || !units_.readers_of(c.to).empty()) return;
    if (units_[u].kernel.stages.size() == 1) return remove(u);
    units_.edit(u, [&](Kernel& k) {
      k.stages.erase(k.stages.begin() + static_cast<ptrdiff_t>(c.stage));
      drop_unused(k);
    });
  }

  void remove(UnitId u) {
    units_.edit(u, [](Kernel& k) {
      k.stages.clear();
      k.args.clear();
    });
  }

  UnitGraph units_;
  RangeOf symbols_;
  std::set<ValueId> kept_;
};

}  // namespace

Vec<Unit> fold_copies(Vec<Unit> units, const Graph& g) { return Folder(std::move(units), g).run(); }

}  // namespace rlx
