#include "plan/fuse.h"

#include <algorithm>

#include "plan/merge.h"

namespace rlx {
namespace {

bool contains(const Vec<Loop>& loops, LoopId id) { return find_loop(loops, id) != nullptr; }

bool sums_over_row(const Stage& s) {
  return std::ranges::any_of(loaded_reads(s, s.contract().a),
                             [&](uint32_t r) { return s.reads[r].of == Access::Of::kLocal; });
}

// Whether the loop may become one of the stages': columns of products do, and then a grid point has a row of them.
// With the loop all locals get an axis more, which a row that is summed over cannot have.
bool may_move(const Kernel& k, LoopId loop) {
  return std::ranges::all_of(k.stages, [&](const Stage& s) {
    if (!is_product(s)) return true;
    if (s.kind() != Kind::kContract || sums_over_row(s)) return false;
    return std::ranges::count(s.contract().n, loop) != 0;
  });
}

// Whether a grid point has rows, or sums: what a product may take as a row of its operand. (A map alone goes into the
// product's expressions.)
bool has_rows(const Kernel& k) {
  return std::ranges::any_of(k.locals, [](const Local& l) { return !l.shape.empty(); }) ||
         std::ranges::any_of(k.stages, [](const Stage& s) { return s.kind() == Kind::kReduce; });
}

struct Write {
  size_t stage = 0;
  size_t access = 0;
  // The loop of each axis; invalid on an axis of extent 1 that no loop indexes.
  Vec<LoopId> axes;
};

// How v is written: one access, each axis its own loop, all loops used.
Result<Write> one_to_one_write(const Kernel& k, ValueId v) {
  std::optional<Write> found;
  for (size_t s = 0; s < k.stages.size(); ++s) {
    for (size_t a = 0; a < k.stages[s].writes.size(); ++a) {
      if (!is_of(k, k.stages[s].writes[a], v)) continue;
      if (found) return refuse("the value is written in parts");
      found = Write{s, a, {}};
    }
  }
  RLX_CHECK(found.has_value());
  const Stage& stage = k.stages[found->stage];
  const Access& access = stage.writes[found->access];
  if (access.combine != Combine::kSet) return refuse("the value is combined in place");
  for (const AxisIndex& i : access.index) {
    std::optional<LoopId> loop = i.expr ? std::nullopt : i.dim.as_loop();
    if (!loop && (i.expr || !i.dim.is(0))) {
      return refuse("the value is written at a computed index");
    }
    if (loop && std::count(found->axes.begin(), found->axes.end(), *loop)) {
      return refuse("a loop writes two axes");
    }
    found->axes.push_back(loop.value_or(LoopId()));
  }
  for (const Loop& l : k.grid) {
    if (!l.extent.is(1) && !std::count(found->axes.begin(), found->axes.end(), l.id)) {
      return refuse("a grid loop does not stand in the value's index");
    }
  }
  return *found;
}

// How stage `s` reads v: the loop of each axis, the same in all of its reads.
Result<std::optional<Vec<LoopId>>> plain_read(const Kernel& k, const Stage& s, ValueId v,
                                              const Write& write) {
  std::optional<Vec<LoopId>> axes;
  for (const Access& a : s.reads) {
    if (!is_of(k, a, v)) continue;
    Vec<LoopId> here;
    for (size_t i = 0; i < a.index.size(); ++i) {
      if (a.index[i].expr) return refuse("the value is indexed by data");
      if (a.bounds[i].rule != Bounds::Rule::kProven) {
        return refuse("the value is read outside of its bounds");
      }
      std::optional<LoopId> loop = a.index[i].dim.as_loop();
      if (!loop && (write.axes[i].valid() || !a.index[i].dim.is(0))) {
        return refuse("the value is read at a computed index");
      }
      if (loop && std::count(here.begin(), here.end(), *loop)) {
        return refuse("a loop reads two axes");
      }
      here.push_back(loop.value_or(LoopId()));
    }
    if (axes && *axes != here) return refuse("the value is read at two indexes");
    axes = here;
  }
  return axes;
}

// A stage that reads v, and the loop of each axis there.
struct Read {
  size_t stage = 0;
  Vec<LoopId> axes;
};

Result<Vec<Read>> reads_of(const Kernel& k, ValueId v, const Write& write) {
  Vec<Read> reads;
  for (size_t s = 0; s < k.stages.size(); ++s) {
    RLX_TRY(std::optional<Vec<LoopId>> axes, plain_read(k, k.stages[s], v, write));
    if (axes) reads.push_back({s, std::move(*axes)});
  }
  return reads;
}

class Fuser {
 public:
  Fuser(const Kernel& writer, const Kernel& reader, ValueId v, const Needed& needed)
      : writer_(writer), reader_(reader), v_(v), needed_(needed) {}

  // Kernels are copied once it is certain that they merge as far as their loops are concerned.
  Result<Kernel> run() {
    RLX_TRY(write_, one_to_one_write(writer_, v_));
    RLX_TRY(reads_, reads_of(reader_, v_, write_));
    RLX_TRY_VOID(check_structured());
    RLX_TRY_VOID(pair_axes());
    RLX_TRY_VOID(find_extra_loops());
    // Nothing would be left of the grid that both had.
    if (!columns_move_ && !writer_moves_.empty() && !reader_moves_.empty()) {
      return refuse("their rows lie over different axes");
    }
    w_ = writer_;
    r_ = reader_;
    RLX_TRY_VOID(move_loops());
    unify_grids();
    return merged();
  }

 private:
  Status check_structured() const {
    for (const Read& read : reads_) {
      const Stage& s = reader_.stages[read.stage];
      const bool takes_rows = takes_a_row(s, read) && has_rows(writer_);
      if (s.kind() != Kind::kMap && s.kind() != Kind::kReduce && !takes_rows) {
        return refuse("a " + std::string(name(s.kind())) + " reads its operands from memory");
      }
    }
    return {};
  }

  // Whether a product sums over v, as its left operand alone: over rows that the writer may have made.
  bool takes_a_row(const Stage& s, const Read& read) const {
    if (s.kind() != Kind::kContract) return false;
    const Vec<uint32_t> right = loaded_reads(s, s.contract().b);
    const auto is_v = [&](uint32_t r) { return is_of(reader_, s.reads[r], v_); };
    if (std::ranges::any_of(right, is_v)) return false;
    return std::ranges::all_of(read.axes, [&](LoopId loop) {
      return !loop.valid() || !find_loop(s.loops, loop) || std::ranges::count(s.contract().k, loop);
    });
  }

  // Whether axis i is a loop that stays in the grid in every stage that reads v.
  bool read_by_grid(size_t i) const {
    return std::ranges::all_of(reads_, [&](const Read& read) {
      const LoopId loop = read.axes[i];
      return !loop.valid() || (contains(reader_.grid, loop) && !moves(reader_moves_, loop));
    });
  }

  static bool moves(const Vec<LoopId>& moved, LoopId loop) {
    return std::ranges::count(moved, loop) != 0;
  }

  LoopId reader_loop(size_t i) const { return reads_.empty() ? LoopId() : reads_[0].axes[i]; }

  static Dim extent_in(const Kernel& k, LoopId id) {
    if (const Loop* l = find_loop(k.grid, id)) return l->extent;
    for (const Stage& s : k.stages) {
      if (const Loop* l = find_loop(s.loops, id)) return l->extent;
    }
    RLX_CHECK(false, "a loop of no stage");
    return 0;
  }

  // Each axis must be at the same level on both sides: finds the loops that have to move.
  Status pair_axes() {
    for (size_t i = 0; i < write_.axes.size(); ++i) {
      const LoopId p = write_.axes[i];
      if (!p.valid()) continue;
      if (!reader_loop(i).valid()) return refuse("the reader takes one element of an axis");
      const Dim written = extent_in(writer_, p), read = extent_in(reader_, reader_loop(i));
      if (written != read) {
        return refuse("extents differ: " + to_text(written) + " and " + to_text(read));
      }
      const bool writer_grid = contains(writer_.grid, p);
      const bool reader_grid = read_by_grid(i);
      if (writer_grid && !reader_grid) RLX_TRY_VOID(add_move(writer_, p, writer_moves_));
      if (!writer_grid && reader_grid) {
        RLX_TRY_VOID(add_move(reader_, reader_loop(i), reader_moves_));
      }
    }
    return {};
  }

  static Status add_move(const Kernel& k, LoopId loop, Vec<LoopId>& moved) {
    if (!may_move(k, loop)) return refuse("a tile of the contraction cannot hold a row");
    moved.push_back(loop);
    return {};
  }

  // Loops of the reader's grid that v has no axis for: a broadcast over rows that the writer reduced.
  Status find_extra_loops() {
    Vec<Loop> grid = reader_.grid, extra;
    std::erase_if(grid, [&](const Loop& l) { return moves(reader_moves_, l.id); });
    for (const Loop& l : grid) {
      bool paired = false;
      for (size_t i = 0; i < write_.axes.size(); ++i) {
        paired |= reader_loop(i) == l.id && read_by_grid(i);
      }
      if (!paired && !l.extent.is(1)) extra.push_back(l);
    }
    if (extra.empty()) return {};
    if (takes_columns(extra)) {
      columns_move_ = true;
      for (const Loop& l : extra) reader_moves_.push_back(l.id);
      return {};
    }
    if (has_product(writer_) || has_product(reader_)) {
      return refuse("the reader broadcasts the value over a contraction's grid");
    }
    if (!is_row_of_writer(grid, extra)) {
      return refuse("the reader broadcasts the value over loops that the writer does not have");
    }
    for (const Loop& l : extra) reader_moves_.push_back(l.id);
    return {};
  }

  // Whether a product of the reader sums over the writer's rows, and these loops are its columns.
  bool takes_columns(const Vec<Loop>& extra) const {
    const bool reads_rows = std::ranges::all_of(
        reads_, [&](const Read& r) { return takes_a_row(reader_.stages[r.stage], r); });
    return reads_rows && has_rows(writer_) &&
           std::ranges::all_of(extra, [&](const Loop& l) { return may_move(reader_, l.id); });
  }

  Status move_loops() {
    for (const LoopId loop : writer_moves_) demote(w_, loop);
    for (const LoopId loop : reader_moves_) demote(r_, loop);
    RLX_TRY(write_, one_to_one_write(w_, v_));
    RLX_TRY(reads_, reads_of(r_, v_, write_));
    return {};
  }

  // Whether the writer reduces over the same row: these are the reader's innermost loops, and a value that
  // both touch has them on axes where the writer has loops that it reduces over.
  bool is_row_of_writer(const Vec<Loop>& grid, const Vec<Loop>& extra) const {
    if (!std::equal(extra.rbegin(), extra.rend(), grid.rbegin())) return false;
    return any_access(reader_, [&](const Stage&, const Access& here) {
      return any_access(writer_, [&](const Stage& s, const Access& there) {
        return s.kind() == Kind::kReduce && is_same_value(here, there) &&
               std::ranges::all_of(extra, [&](const Loop& l) { return pairs(l, here, s, there); });
      });
    });
  }

  template <class F>
  static bool any_access(const Kernel& k, F f) {
    for (const Stage& s : k.stages) {
      for (const Vec<Access>* list : {&s.reads, &s.writes}) {
        for (const Access& a : *list) {
          if (a.of == Access::Of::kArg && f(s, a)) return true;
        }
      }
    }
    return false;
  }

  bool is_same_value(const Access& here, const Access& there) const {
    return reader_.args[here.tensor].value == writer_.args[there.tensor].value;
  }

  // Whether an axis has loop l of the reader here, and there a loop that stage s reduces over.
  static bool pairs(const Loop& l, const Access& here, const Stage& s, const Access& there) {
    const Vec<LoopId>& over = s.reduction().over;
    for (size_t i = 0; i < here.index.size(); ++i) {
      std::optional<LoopId> loop = there.index[i].dim.as_loop();
      if (here.index[i].dim.as_loop() == l.id && loop && std::ranges::count(over, *loop)) {
        return true;
      }
    }
    return false;
  }

  // The reader's loops get the writer's ids where they pair in the grid, fresh ones elsewhere.
  void unify_grids() {
    LoopNames names;
    for (size_t i = 0; i < write_.axes.size(); ++i) {
      if (write_.axes[i].valid() && contains(w_.grid, write_.axes[i])) {
        names[reader_loop(i)] = write_.axes[i];
      }
    }
    rename_apart(r_, std::move(names), w_.loop_count);
    for (const Loop& l : r_.grid) {
      if (!contains(w_.grid, l.id)) w_.grid.push_back(l);
    }
  }

  Result<Kernel> merged() {
    const size_t first = w_.stages.size();
    append(w_, std::move(r_));
    for (size_t reader = first; reader < w_.stages.size(); ++reader) {
      for (size_t a = 0; a < w_.stages[reader].reads.size(); ++a) {
        RLX_TRY_VOID(forward(first, reader, a));
      }
    }
    drop_unneeded_writes();
    inline_locals(w_);
    drop_unused(w_);
    return std::move(w_);
  }

  // A read of what an earlier stage of the kernel writes to memory becomes a read of a local.
  Status forward(size_t first, size_t reader, size_t read) {
    const Access access = w_.stages[reader].reads[read];
    if (access.of != Access::Of::kArg) return {};
    Vec<WriteId> writers = writers_before(first, w_.args[access.tensor].value);
    if (writers.empty()) return {};
    if (writers.size() > 1) return refuse("another value of the writer is written in parts");
    RLX_TRY(const Access in_local, local_read(writers[0], access));
    w_.stages[reader].reads[read] = in_local;
    return {};
  }

  struct WriteId {
    size_t stage, access;
  };

  Vec<WriteId> writers_before(size_t end, ValueId u) const {
    Vec<WriteId> found;
    for (size_t s = 0; s < end; ++s) {
      for (size_t a = 0; a < w_.stages[s].writes.size(); ++a) {
        if (is_of(w_, w_.stages[s].writes[a], u)) found.push_back({s, a});
      }
    }
    return found;
  }

  // The access of memory as one of the writer's local. What flows decides: an axis of the local is a loop of
  // the writer's stage, and is read at what the reader has on the value's axis with that loop.
  Result<Access> local_read(WriteId id, const Access& access) {
    RLX_TRY(LoopMap at, steps_read(w_.stages[id.stage], id.access, access));
    const Access written = local_of(id);
    Access out{.of = Access::Of::kLocal, .tensor = written.tensor};
    for (const AxisIndex& i : written.index) {
      auto step = at.find(*i.dim.as_loop());
      if (step == at.end()) return refuse("a local of the writer has an axis that the value lacks");
      out.index.push_back({step->second});
      out.bounds.push_back({});
    }
    return out;
  }

  // At which step of each loop of the writer's stage the element was made that the reader wants.
  Result<LoopMap> steps_read(const Stage& s, size_t write, const Access& access) const {
    const Access& w = s.writes[write];
    if (w.combine != Combine::kSet) {
      return refuse("another value of the writer is combined in place");
    }
    LoopMap at;
    for (const Loop& l : s.loops) {
      if (l.extent.is(1)) at[l.id] = 0;
    }
    for (size_t i = 0; i < w.index.size(); ++i) {
      if (w.index[i].expr || access.index[i].expr) return refuse("the value is indexed by data");
      if (access.bounds[i].rule != Bounds::Rule::kProven) {
        return refuse("the value is read outside of its bounds");
      }
      std::optional<LoopId> loop = w.index[i].dim.as_loop();
      if (loop && contains(s.loops, *loop)) {
        at[*loop] = access.index[i].dim;
      } else if (access.index[i].dim != w.index[i].dim) {
        return refuse("another value of the writer is read at other grid steps");
      }
    }
    return at;
  }

  // The write of the local that has what write `id` stores to memory; made where it is not there yet.
  Access local_of(WriteId id) {
    Stage& stage = w_.stages[id.stage];
    for (size_t i = 0; i < stage.writes.size(); ++i) {
      if (stage.results[i] == stage.results[id.access] && is_plain_local(stage, stage.writes[i])) {
        return stage.writes[i];
      }
    }
    Access in_local{.of = Access::Of::kLocal, .tensor = static_cast<uint32_t>(w_.locals.size())};
    Local local{.dtype = stage.body[stage.results[id.access].index].type};
    for (const AxisIndex& i : stage.writes[id.access].index) {
      std::optional<LoopId> loop = i.dim.as_loop();
      const Loop* l = loop ? find_loop(stage.loops, *loop) : nullptr;
      if (!l) continue;
      local.shape.push_back(l->extent);
      in_local.index.push_back(i);
      in_local.bounds.push_back({});
    }
    w_.locals.push_back(local);
    stage.writes.push_back(in_local);
    stage.results.push_back(stage.results[id.access]);
    return in_local;
  }

  // Each axis a loop of the stage.
  static bool is_plain_local(const Stage& s, const Access& a) {
    return a.of == Access::Of::kLocal && a.combine == Combine::kSet &&
           std::ranges::all_of(a.index, [&](const AxisIndex& i) {
             std::optional<LoopId> loop = i.expr ? std::nullopt : i.dim.as_loop();
             return loop && contains(s.loops, *loop);
           });
  }

  void drop_unneeded_writes() {
    for (Stage& s : w_.stages) {
      for (size_t a = s.writes.size(); a-- > 0;) {
        const Access& w = s.writes[a];
        if (w.of != Access::Of::kArg || needed_(w_.args[w.tensor].value)) continue;
        s.writes.erase(s.writes.begin() + static_cast<std::ptrdiff_t>(a));
        s.results.erase(s.results.begin() + static_cast<std::ptrdiff_t>(a));
      }
    }
    std::erase_if(w_.stages, [](const Stage& s) { return s.writes.empty(); });
  }

  const Kernel &writer_, &reader_;
  ValueId v_;
  const Needed& needed_;
  Write write_;
  Vec<Read> reads_;
  // Grid loops of either side that become loops of its stages.
  Vec<LoopId> writer_moves_, reader_moves_;
  // Those of the reader are the columns of a product over the writer's row.
  bool columns_move_ = false;
  // Copies that are changed, the writer's into the merged kernel.
  Kernel w_, r_;
};

// As they are, or without loops of one step, or with a reader's convolutions as products: the first that merge.
Result<Kernel> merged_grids(const Kernel& writer, const Kernel& reader, ValueId v,
                            const Needed& needed) {
  Result<Kernel> fused = Fuser(writer, reader, v, needed).run();
  if (fused) return fused;
  const std::optional<Kernel> w = without_unit_loops(writer), r = without_unit_loops(reader);
  if (w || r) {
    Result<Kernel> thin = Fuser(w ? *w : writer, r ? *r : reader, v, needed).run();
    if (thin) return thin;
  }
  const std::optional<Kernel> products = with_contracts(reader);
  return products ? Fuser(writer, *products, v, needed).run() : std::move(fused);
}

}  // namespace

Result<Unit> fuse(const Unit& writer, const Unit& reader, ValueId v, const Needed& needed) {
  RLX_TRY_VOID(check_size(writer.kernel, reader.kernel));
  Result<Kernel> fused = merged_grids(writer.kernel, reader.kernel, v, needed);
  if (!fused) {
    Result<Kernel> inside = compose(writer.kernel, reader.kernel, v, needed);
    if (inside) fused = std::move(inside);
  }
  RLX_TRY(Kernel merged, std::move(fused));
  return merged_unit(std::move(merged), writer, reader);
}

}  // namespace rlx
