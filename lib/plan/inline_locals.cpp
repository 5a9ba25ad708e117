// A map whose only result is a local with one reader is put into that reader's body: an elementwise chain
// becomes one expression, and its local a register.
#include <algorithm>
#include <set>

#include "kernel/detail.h"
#include "plan/fuse.h"
#include "plan/inline.h"

namespace rlx {
namespace {

// Copies nodes of one body into another, following where each went.
class BodyCopy {
 public:
  BodyCopy(const Stage& from, Stage& to, Body& out, const LoopMap& loops)
      : from_(from), to_(to), out_(out), loops_(loops), place_(from.body.size()) {}

  ExprId place(ExprId id) const { return place_[id.index]; }
  void set_place(size_t node, ExprId id) { place_[node] = id; }

  // `own`: the node's reads are already the target stage's.
  void copy(size_t node, bool own) {
    Expr e = from_.body[node];
    for (ExprId& a : e.args) a = place(a);
    if (e.fn == Fn::kIndex) e.dim = substitute_loops(e.dim, loops_);
    if (e.fn == Fn::kLoad) e.index = own ? own_read(e.index) : foreign_read(e.index);
    set_place(node, add(out_, std::move(e)));
  }

 private:
  uint32_t own_read(uint32_t read) {
    for (AxisIndex& i : to_.reads[read].index) {
      if (i.expr && !remapped_.contains(read)) i.expr = place(*i.expr);
    }
    remapped_.insert(read);
    return read;
  }

  uint32_t foreign_read(uint32_t read) {
    Access a = from_.reads[read];
    for (AxisIndex& i : a.index) {
      i.dim = substitute_loops(i.dim, loops_);
      if (i.expr) i.expr = place(*i.expr);
    }
    auto it = std::find(to_.reads.begin(), to_.reads.end(), a);
    if (it == to_.reads.end()) it = to_.reads.insert(it, a);
    return static_cast<uint32_t>(it - to_.reads.begin());
  }

  const Stage& from_;
  Stage& to_;
  Body& out_;
  const LoopMap& loops_;
  Vec<ExprId> place_;
  std::set<uint32_t> remapped_;
};

// Axes that no loop indexes have one element.
LoopMap loops_at(const Stage& writer, const Access& read) {
  LoopMap at;
  const Access& w = writer.writes[0];
  for (size_t i = 0; i < w.index.size(); ++i) {
    if (const std::optional<LoopId> loop = w.index[i].dim.as_loop()) {
      at.emplace(*loop, read.index[i].dim);
    }
  }
  return at;
}

// A map that writes just this local, one element a step of its own loops.
bool can_inline(const Stage& w) {
  if (w.kind() != Kind::kMap || w.writes.size() != 1 || w.writes[0].of != Access::Of::kLocal) {
    return false;
  }
  if (w.writes[0].combine != Combine::kSet || w.writes[0].index.size() != w.loops.size()) {
    return false;
  }
  return std::all_of(w.writes[0].index.begin(), w.writes[0].index.end(),
                     [](const AxisIndex& i) { return !i.expr && i.dim.as_loop(); });
}

struct ReadPlace {
  size_t stage = 0;
  uint32_t read = 0;
};

// By local: its one read in all the stages; nullopt where there are several or none.
Vec<std::optional<ReadPlace>> only_reads(const Kernel& k) {
  Vec<std::optional<ReadPlace>> found(k.locals.size());
  Vec<bool> several(k.locals.size());
  for (size_t s = 0; s < k.stages.size(); ++s) {
    for (uint32_t a = 0; a < k.stages[s].reads.size(); ++a) {
      const Access& r = k.stages[s].reads[a];
      if (r.of != Access::Of::kLocal) continue;
      several[r.tensor] = several[r.tensor] || found[r.tensor];
      found[r.tensor] = ReadPlace{s, a};
    }
  }
  for (size_t l = 0; l < found.size(); ++l) {
    if (several[l]) found[l].reset();
  }
  return found;
}

// Reads of the same element become one read.
void merge_equal_reads(Stage& s) {
  for (uint32_t a = 0; a < s.reads.size(); ++a) {
    for (auto b = static_cast<uint32_t>(s.reads.size() - 1); b > a; --b) {
      if (!(s.reads[a] == s.reads[b])) continue;
      for (Expr& e : s.body) {
        if (e.fn == Fn::kLoad && e.index == b) e.index = a;
      }
      erase_read(s, b);
    }
  }
}

bool inline_one(Kernel& k) {
  Vec<std::optional<ReadPlace>> reads = only_reads(k);
  for (size_t w = 0; w < k.stages.size(); ++w) {
    if (!can_inline(k.stages[w])) continue;
    const std::optional<ReadPlace>& read = reads[k.stages[w].writes[0].tensor];
    if (!read || read->stage <= w) continue;
    Stage& reader = k.stages[read->stage];
    if (reader.kind() != Kind::kMap && reader.kind() != Kind::kReduce) continue;
    inline_into(k.stages[w], reader, read->read);
    erase_read(reader, read->read);
    k.stages.erase(k.stages.begin() + static_cast<std::ptrdiff_t>(w));
    return true;
  }
  return false;
}

}  // namespace

void inline_into(const Stage& writer, Stage& reader, uint32_t read) {
  Stage old = reader;
  Body body;
  const LoopMap at = loops_at(writer, old.reads[read]);
  const LoopMap none;
  BodyCopy mine(old, reader, body, none), theirs(writer, reader, body, at);
  for (size_t n = 0; n < old.body.size(); ++n) {
    if (old.body[n].fn != Fn::kLoad || old.body[n].index != read) {
      mine.copy(n, true);
      continue;
    }
    for (size_t w = 0; w < writer.body.size(); ++w) theirs.copy(w, false);
    mine.set_place(n, theirs.place(writer.results[0]));
  }
  reader.body = std::move(body);
  for (ExprId& r : reader.results) r = mine.place(r);
  for (Access& a : reader.writes) {
    for (AxisIndex& i : a.index) {
      if (i.expr) i.expr = mine.place(*i.expr);
    }
  }
  visit_detail(reader, [&](ExprId& next) { next = mine.place(next); });
  settle_order(reader);
  reader.origin = merge(writer.origin, reader.origin);
}

void erase_read(Stage& s, uint32_t read) {
  s.reads.erase(s.reads.begin() + read);
  for (Expr& e : s.body) {
    if (e.fn == Fn::kLoad && e.index > read) --e.index;
  }
}

void inline_locals(Kernel& k) {
  for (Stage& s : k.stages) merge_equal_reads(s);
  while (inline_one(k)) {
    for (Stage& s : k.stages) merge_equal_reads(s);
  }
}

}  // namespace rlx
