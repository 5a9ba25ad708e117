// What holds of every kernel:
//
//  1. Arguments have different names, sound storages, and fills of their dtype. A framed one lies as the
//     frame does and inside of it, as far as numbers tell; two written ones do not overlap.
//  2. Loops have different ids below loop_count; extents use loops around them only. Shapes use
// none.
//  3. Accesses name a tensor of the kernel and index each axis once, by loops in scope or an i64
// node
//     of the body; fills have the tensor's dtype. Writes go to written arguments or locals, proven
// or
//     checked. An argument is read or written, not both, but in a kernel of sequential steps.
//  4. Each node's operands come before it and have the types that its function takes; so have the
//     nodes behind the indexes of a load. Accumulators occur where the kind has them.
//  5. There is a result for each write, of the tensor's dtype.
//  6. The detail's loops are in scope, and it agrees with loops and accesses (verify_kind.cpp).
//  7. A local is written before it is read, unless it is carried; carried over sequential grid
// loops.
//  8. One point writes an element: `set` writes to arguments mention every loop that repeats them.
//  9. A proven index stays inside of its axis, as far as the first and last step of each loop tell.
#include "kernel/verify.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "kernel/detail.h"

namespace rlx {

void Problems::note(std::string_view what) {
  const std::string where = part_.empty() ? place_ : place_ + ", " + part_;
  items_.push_back({.code = kInvalidKernel, .message = where + ": " + std::string(what)});
}

Status Problems::status() const {
  if (items_.empty()) return {};
  return Error(items_);
}

bool contains(const Vec<LoopId>& loops, LoopId id) {
  return std::find(loops.begin(), loops.end(), id) != loops.end();
}

DType dtype_of(const Kernel& k, const Access& a) {
  return a.of == Access::Of::kLocal ? k.locals[a.tensor].dtype : k.args[a.tensor].dtype;
}

const Vec<Dim>& shape_of(const Kernel& k, const Access& a) {
  return a.of == Access::Of::kLocal ? k.locals[a.tensor].shape : k.args[a.tensor].shape;
}

namespace {

class Verifier {
 public:
  explicit Verifier(const Kernel& k) : k_(k), problems_(k) {}

  Status run() {
    for (const Arg& a : k_.args) verify_arg(a);
    verify_loops(k_.grid, {});
    for (size_t i = 0; i < k_.locals.size(); ++i) verify_local(i);
    written_.resize(k_.locals.size());
    for (const Stage& s : k_.stages) verify_stage(s);
    return problems_.status();
  }

 private:
  template <class What>
  bool require(bool holds, const What& what) {
    return problems_.require(holds, what);
  }

  // ---- Tensors and loops ----------------------------------------------------------------------

  void verify_arg(const Arg& a) {
    problems_.enter("argument " + a.name);
    require(names_.insert(a.name).second, "another argument has this name");
    require(size_of(a.dtype) > 0, "its elements have no fixed size");
    require_no_loops(a.shape);
    if (auto sound = verify(a.storage, static_cast<int>(a.shape.size())); !sound) {
      require(false, sound.error().first().message);
    }
    require(!a.storage.fill || a.storage.fill->dtype == a.dtype, "its fill has another dtype");
    const bool formed = a.storage.form != Form::kElements;
    require(!formed || (a.constant && can_take(a.storage.form, a.dtype, a.shape)),
            "it is no constant that its form is made of");
    if (is_sub_byte(a.dtype)) verify_sub_byte(a);
    if (a.frame) verify_frame(a);
  }

  // Two points must not write one byte, and whoever fills padding writes whole ones.
  void verify_sub_byte(const Arg& a) {
    require(!a.written, "elements that share bytes are not written");
    const bool plain = !a.storage.fill || *a.storage.fill == Scalar::of(a.dtype, 0);
    require(plain && !a.frame,
            "elements that share bytes are padded with 0, and have memory of their own");
  }

  void verify_frame(const Arg& a) {
    const ArgFrame& f = *a.frame;
    const size_t rank = a.shape.size();
    if (!require(f.shape.size() == rank && f.start.size() == rank, "its frame has another rank")) {
      return;
    }
    require_no_loops(f.shape);
    require_no_loops(f.start);
    if (auto sound = verify(f.storage, static_cast<int>(rank)); !sound) {
      require(false, sound.error().first().message);
      return;
    }
    require(f.storage.is_plain(), "its frame is blocked");
    require(a.storage == storage_of(box_of(a), f.storage, f.shape),
            "it does not lie as its frame does");
    for (size_t axis = 0; axis < rank; ++axis) {
      const Dim past = f.start[axis] + a.shape[axis] - f.shape[axis];
      const bool inside =
          f.start[axis].constant().value_or(0) >= 0 && past.constant().value_or(0) <= 0;
      require(inside, "it leaves its frame");
    }
    verify_memory(a);
  }

  // Who shares a memory agrees on what it is.
  void verify_memory(const Arg& a) {
    for (const Arg& other : k_.args) {
      if (!other.frame || other.frame->memory != a.frame->memory) continue;
      const bool same = other.dtype == a.dtype && other.frame->shape == a.frame->shape &&
                        other.frame->storage == a.frame->storage;
      require(same, "its memory is another tensor's too");
      const bool both_written = &other != &a && other.written && a.written;
      require(!both_written || !may_overlap(a, other), "another argument is written there");
    }
  }

  void verify_local(size_t i) {
    const Local& l = k_.locals[i];
    problems_.enter(fmt::format("local l{}", i));
    require(size_of(l.dtype) > 0, "its elements have no fixed size");
    require(!is_sub_byte(l.dtype), "elements that share bytes are not written");
    require_no_loops(l.shape);
    for (const Carry& c : l.carry) {
      auto is_it = [&](const Loop& g) { return g.id == c.loop && g.sequential; };
      require(std::any_of(k_.grid.begin(), k_.grid.end(), is_it),
              "it is carried over what is no sequential loop of the grid");
      require(c.init.dtype == l.dtype, "its initial value has another dtype");
    }
  }

  void require_no_loops(const Vec<Dim>& shape) {
    for (const Dim& d : shape) require_scope(d, {});
  }

  void verify_loops(const Vec<Loop>& loops, Vec<LoopId> scope) {
    for (const Loop& l : loops) {
      const auto fault = [&](std::string_view what) {
        return [=, id = l.id] { return fmt::format("loop i{} {}", id.index, what); };
      };
      require(l.id.index < k_.loop_count, fault("is not below loop_count"));
      require(ids_.insert(l.id).second, fault("is there twice"));
      require_scope(l.extent, scope);
      scope.push_back(l.id);
    }
  }

  void require_scope(const Dim& d, const Vec<LoopId>& scope) {
    if (!d.has_loops()) return;
    each_atom(d, [&](const Atom& a) {
      const bool known = a.kind != Atom::Kind::kLoop || contains(scope, a.loop);
      require(known,
              [&] { return fmt::format("i{} is out of scope in {}", a.loop.index, to_text(d)); });
    });
  }

  // ---- Stages ---------------------------------------------------------------------------------

  void verify_stage(const Stage& s) {
    problems_.enter("stage " + s.name);
    Vec<LoopId> scope = ids_of(k_.grid);
    verify_loops(s.loops, scope);
    for (const Loop& l : s.loops) scope.push_back(l.id);
    bool sound = true;
    for (const Access& a : s.reads) sound &= verify_access(s, a, scope) && verify_read(a);
    for (const Access& a : s.writes) sound &= verify_access(s, a, scope) && verify_write(a);
    for (const Expr& e : s.body) require_scope(e.dim, scope);
    visit_detail(s, [&](const LoopId& id) {
      require(contains(scope, id),
              [&] { return fmt::format("its detail names i{}, out of scope", id.index); });
    });
    require(!s.relaxed || !operands(s).empty(), "it is relaxed, but no product");
    visit_detail(s, [&](const Dim& d) { require_scope(d, ids_of(k_.grid)); });
    if (!sound || !verify_body(k_, s, problems_) || !verify_results(s)) return;
    verify_kind(k_, s, problems_);
    for (const Access& a : s.writes) verify_one_writer(s, a);
    note_writes(s);
  }

  bool verify_access(const Stage& s, const Access& a, const Vec<LoopId>& scope) {
    const size_t tensors = a.of == Access::Of::kLocal ? k_.locals.size() : k_.args.size();
    if (!require(a.tensor < tensors, "an access to no tensor of the kernel")) return false;
    const size_t rank = shape_of(k_, a).size();
    const bool complete = a.index.size() == rank && a.bounds.size() == rank;
    if (!require(complete, "an access does not index each axis once")) return false;
    bool sound = true;
    for (size_t axis = 0; axis < rank; ++axis) {
      sound &= verify_index(s, a.index[axis], scope);
      const Bounds& b = a.bounds[axis];
      const bool fits = b.rule != Bounds::Rule::kFill || b.fill.dtype == dtype_of(k_, a);
      sound &= require(fits, "a fill has another dtype than its tensor");
      if (b.rule == Bounds::Rule::kProven && !a.index[axis].expr) {
        verify_inside(s, a.index[axis].dim, reach_of(a, axis));
      }
    }
    return sound;
  }

  bool verify_index(const Stage& s, const AxisIndex& index, const Vec<LoopId>& scope) {
    if (!index.expr) {
      require_scope(index.dim, scope);
      return require(!index.from_end, "only the value of a node counts from the end");
    }
    if (!require(index.expr->index < s.body.size(), "an index is no node of the body")) {
      return false;
    }
    return require(s.body[index.expr->index].type == DType::kI64, "an index is no i64");
  }

  // What a proven index may be: the axis, and of an argument what holds its fill around it.
  struct Reach {
    int64_t lo;
    Dim past;
  };

  Reach reach_of(const Access& a, size_t axis) const {
    if (a.of == Access::Of::kLocal) return {0, k_.locals[a.tensor].shape[axis]};
    const Arg& arg = k_.args[a.tensor];
    if (!arg.storage.fill || axis >= arg.storage.padding.size()) return {0, arg.shape[axis]};
    const int64_t lo = arg.storage.padding[axis].lo;
    return {-lo, padded_extent(arg.storage, arg.shape, static_cast<int>(axis)) - lo};
  }

  // Tries the corners: all loops at their first steps but one, or but all, at the last.
  void verify_inside(const Stage& s, const Dim& index, const Reach& reach) {
    Vec<Loop> loops;
    bool open = false;
    for (const Vec<Loop>* list : {&k_.grid, &s.loops}) {
      for (const Loop& l : *list) {
        // No step, no index.
        if (l.extent.is(0)) return;
        open |= !l.extent.constant();
        if (uses_loop(index, l.id)) loops.push_back(l);
      }
    }
    // That a loop over an empty axis has no steps is a guard's to say where its extent is a symbol.
    if (open && reach.past.is(0)) return;
    auto corner = [&](const std::function<bool(const Loop&)>& is_last) {
      require_inside(index, corner_of(index, loops, is_last), reach);
    };
    corner([](const Loop&) { return true; });
    corner([](const Loop&) { return false; });
    if (loops.size() < 2) return;
    for (const Loop& last : loops) corner([&](const Loop& l) { return l.id == last.id; });
  }

  static Dim corner_of(const Dim& index, const Vec<Loop>& loops,
                       const std::function<bool(const Loop&)>& is_last) {
    return substitute(index, [&](const Atom& a) -> std::optional<Dim> {
      if (a.kind != Atom::Kind::kLoop) return std::nullopt;
      const Loop* l = find_loop(loops, a.loop);
      return l && is_last(*l) ? l->extent - 1 : Dim(0);
    });
  }

  void require_inside(const Dim& index, const Dim& at, const Reach& reach) {
    std::optional<int64_t> first = at.constant(), past = (at - reach.past).constant();
    const bool inside = (!first || *first >= reach.lo) && (!past || *past < 0);
    if (inside) return;
    require(false, fmt::format("{} leaves an axis of {}", to_text(index), to_text(reach.past)));
  }

  bool has_steps() const {
    return std::any_of(k_.grid.begin(), k_.grid.end(), [](const Loop& l) { return l.sequential; });
  }

  bool verify_read(const Access& a) {
    require(a.combine == Combine::kSet, "a read combines nothing");
    if (a.of == Access::Of::kArg) {
      require(!k_.args[a.tensor].written || has_steps(),
              [&] { return k_.args[a.tensor].name + " is read and written"; });
      return true;
    }
    const bool ready = written_[a.tensor] || !k_.locals[a.tensor].carry.empty();
    require(ready, [&] { return fmt::format("l{} is read before it is written", a.tensor); });
    return true;
  }

  bool verify_write(const Access& a) {
    if (a.of == Access::Of::kArg) {
      const Arg& arg = k_.args[a.tensor];
      require(arg.written, [&] { return arg.name + " is not marked as written"; });
    }
    for (const Bounds& b : a.bounds) {
      const bool known = b.rule == Bounds::Rule::kProven || b.rule == Bounds::Rule::kChecked;
      require(known, "the index of a write is neither proven nor checked");
    }
    return true;
  }

  bool verify_results(const Stage& s) {
    if (!require(s.results.size() == s.writes.size(), "results and writes differ in number")) {
      return false;
    }
    bool sound = true;
    for (size_t i = 0; i < s.results.size(); ++i) {
      const bool there =
          require(s.results[i].index < s.body.size(), "a result is no node of the body");
      sound &= there && require(s.body[s.results[i].index].type == dtype_of(k_, s.writes[i]),
                                "a result has another dtype than what it is written to");
    }
    return sound;
  }

  // ---- Writers --------------------------------------------------------------------------------

  void note_writes(const Stage& s) {
    for (const Access& a : s.writes) {
      if (a.of == Access::Of::kLocal) written_[a.tensor] = true;
    }
  }

  // Loops that run the stage's writes again.
  Vec<Loop> repeating(const Stage& s) const {
    Vec<Loop> loops;
    for (const Loop& l : k_.grid) {
      if (!l.sequential) loops.push_back(l);
    }
    const Vec<LoopId> ended = ended_loops(s);
    for (const Loop& l : s.loops) {
      if (!contains(ended, l.id)) loops.push_back(l);
    }
    return loops;
  }

  void verify_one_writer(const Stage& s, const Access& a) {
    auto by_data = [](const AxisIndex& index) { return index.expr.has_value(); };
    const bool data = std::any_of(a.index.begin(), a.index.end(), by_data);
    if (a.of != Access::Of::kArg || a.combine != Combine::kSet || data) return;
    for (const Loop& l : repeating(s)) {
      auto mentions = [&](const AxisIndex& index) { return uses_loop(index.dim, l.id); };
      const bool once =
          min(l.extent, 1) == l.extent || std::any_of(a.index.begin(), a.index.end(), mentions);
      require(once, [&] {
        return fmt::format("every i{} writes the same element of {}", l.id.index,
                           k_.args[a.tensor].name);
      });
    }
  }

  const Kernel& k_;
  Problems problems_;
  std::set<std::string> names_;
  std::set<LoopId> ids_;
  // Locals that a stage so far has written.
  Vec<bool> written_;
};

}  // namespace

Status verify(const Kernel& k) { return Verifier(k).run(); }

}  // namespace rlx
