#include "plan/box_copy.h"

#include <algorithm>

namespace rlx {

Vec<Dim> BoxCopy::shift() const {
  Vec<Dim> by;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    by.push_back(to_start[axis] - from_start[axis]);
  }
  return by;
}

namespace {

bool is_plain_access(const Access& a) {
  return a.of == Access::Of::kArg && a.combine == Combine::kSet && !a.index.empty() &&
         std::ranges::all_of(a.index, [](const AxisIndex& i) { return !i.expr; }) &&
         std::ranges::all_of(a.bounds,
                             [](const Bounds& b) { return b.rule == Bounds::Rule::kProven; });
}

// The loops in d.
std::set<LoopId> loops_in(const Dim& d) {
  std::set<LoopId> loops;
  each_atom(d, [&](const Atom& a) {
    if (a.kind == Atom::Kind::kLoop) loops.insert(a.loop);
  });
  return loops;
}

// Finds what a stage copies, an axis at a time.
class BoxReader {
 public:
  BoxReader(const Kernel& k, const Stage& s) : s_(s), loops_(k.grid) {
    loops_.insert(loops_.end(), s.loops.begin(), s.loops.end());
  }

  bool read(BoxCopy& copy) {
    const Vec<AxisIndex>&r = s_.reads[0].index, &w = s_.writes[0].index;
    if (r.size() != w.size()) return false;
    for (size_t axis = 0; axis < r.size(); ++axis) {
      if (!read_axis(copy, r[axis].dim, w[axis].dim)) return false;
    }
    return std::ranges::all_of(
        loops_, [&](const Loop& l) { return used_.contains(l.id) || l.extent.is(1); });
  }

 private:
  bool read_axis(BoxCopy& copy, const Dim& r, const Dim& w) {
    const std::set<LoopId> loops = loops_in(r);
    if (loops.size() > 1 || loops != loops_in(w)) return false;
    const Loop* loop = loops.empty() ? nullptr : find_loop(loops_, *loops.begin());
    if (loop && !used_.insert(loop->id).second) return false;
    const Dim at = loop ? Dim::loop(loop->id) : Dim(0);
    copy.from_start.push_back(r - at);
    copy.to_start.push_back(w - at);
    copy.shape.push_back(loop ? loop->extent : Dim(1));
    return !copy.from_start.back().has_loops() && !copy.to_start.back().has_loops();
  }

  const Stage& s_;
  Vec<Loop> loops_;
  std::set<LoopId> used_;
};

std::optional<BoxCopy> box_copy_of(const Kernel& k, size_t stage) {
  const Stage& s = k.stages[stage];
  if (s.kind() != Kind::kMap || s.reads.size() != 1 || s.writes.size() != 1) return std::nullopt;
  if (s.body[s.results[0].index].fn != Fn::kLoad) return std::nullopt;
  if (!is_plain_access(s.reads[0]) || !is_plain_access(s.writes[0])) return std::nullopt;
  BoxCopy copy{stage, k.args[s.reads[0].tensor].value, k.args[s.writes[0].tensor].value};
  if (!BoxReader(k, s).read(copy)) return std::nullopt;
  return copy;
}

// Whether a stage may write where another one has written: a scatter's. Plain writes of a value are disjoint.
bool is_overwritten(const Kernel& k, ValueId v) {
  return std::ranges::any_of(k.stages, [&](const Stage& s) {
    return std::ranges::any_of(
        s.writes, [&](const Access& w) { return is_of(k, w, v) && !is_plain_access(w); });
  });
}

}  // namespace

Vec<BoxCopy> box_copies_of(const Kernel& k) {
  Vec<BoxCopy> copies;
  for (size_t stage = 0; stage < k.stages.size(); ++stage) {
    std::optional<BoxCopy> c = box_copy_of(k, stage);
    if (c && !is_overwritten(k, c->to)) copies.push_back(std::move(*c));
  }
  return copies;
}

bool reads_all(const Vec<BoxCopy>& copies, const Vec<Dim>& shape) {
  size_t axis = 0;
  while (axis + 1 < shape.size() && copies[0].shape[axis] == shape[axis]) ++axis;
  Vec<Dim> next(shape.size(), 0);
  for (size_t taken = 0; taken < copies.size(); ++taken) {
    auto follows = [&](const BoxCopy& c) {
      Vec<Dim> whole = shape;
      whole[axis] = c.shape[axis];
      return c.from_start == next && c.shape == whole;
    };
    auto c = std::ranges::find_if(copies, follows);
    if (c == copies.end()) return false;
    next[axis] = next[axis] + c->shape[axis];
  }
  return next[axis] == shape[axis];
}

void remove_stages(Kernel& k, const std::set<size_t>& gone) {
  if (gone.empty()) return;
  Vec<Stage> left;
  for (size_t s = 0; s < k.stages.size(); ++s) {
    if (!gone.contains(s)) left.push_back(std::move(k.stages[s]));
  }
  k.stages = std::move(left);
  drop_unused(k);
}

}  // namespace rlx
