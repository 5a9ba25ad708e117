// A map becomes part of the expressions of its reader, wherever these read it: the operand of a product that is
// scaled, a window over a sum. The reader's loops stay as they are, so that a product keeps its tile; what the
// reader reads several times is computed as often, which is for the menu's costs to weigh.
#include <algorithm>

#include "kernel/conv_geometry.h"
#include "plan/fuse.h"
#include "plan/inline.h"
#include "plan/merge.h"
#include "plan/split_depth.h"

namespace rlx {
namespace {

// The one stage of a map that writes v alone, each element at a grid point of its own.
const Stage* pure_map(const Kernel& k, ValueId v) {
  if (k.stages.size() != 1 || k.stages[0].kind() != Kind::kMap) return nullptr;
  const Stage& s = k.stages[0];
  if (!s.loops.empty() || s.writes.size() != 1 || !is_of(k, s.writes[0], v)) return nullptr;
  if (s.writes[0].combine != Combine::kSet) return nullptr;
  Vec<LoopId> seen;
  for (const AxisIndex& i : s.writes[0].index) {
    std::optional<LoopId> loop = i.expr ? std::nullopt : i.dim.as_loop();
    if (!loop && (i.expr || !i.dim.is(0))) return nullptr;
    if (loop && std::ranges::count(seen, *loop)) return nullptr;
    if (loop) seen.push_back(*loop);
  }
  const bool all = std::ranges::all_of(k.grid, [&](const Loop& l) {
    return !l.sequential && (l.extent.is(1) || std::ranges::count(seen, l.id));
  });
  return all ? &s : nullptr;
}

bool is_proven(const Access& a) {
  return std::ranges::all_of(a.index, [](const AxisIndex& i) { return !i.expr; }) &&
         std::ranges::all_of(a.bounds,
                             [](const Bounds& b) { return b.rule == Bounds::Rule::kProven; });
}

// The writer's stage with its arguments numbered as the reader's, which get those that they lack; loops of
// extent 1 that no axis has are at their start.
Stage adopted(const Kernel& writer, Stage s, Kernel& reader) {
  LoopMap start;
  for (const Loop& l : writer.grid) {
    const auto is_it = [&](const AxisIndex& i) { return i.dim.as_loop() == l.id; };
    if (std::ranges::none_of(s.writes[0].index, is_it)) start[l.id] = 0;
  }
  substitute_loops(s, start);
  for (Access& a : s.reads) a.tensor = find_or_add_arg(reader, writer.args[a.tensor]);
  return s;
}

bool is_same_place(const Access& a, const Access& where) { return a.index == where.index; }

// A convolution's geometry is that of its operand's first load: one of what the map reads must lie as the map's
// value does, and the rest there too or away from pixels and window.
bool keeps_geometry(const Kernel& reader, const Stage& map, const Stage& s, const Access& where) {
  Vec<LoopId> moving = s.conv().window;
  moving.insert(moving.end(), s.conv().pixel.begin(), s.conv().pixel.end());
  bool found = false;
  LoopMap at;
  const Vec<AxisIndex>& written = map.writes[0].index;
  for (size_t i = 0; i < written.size(); ++i) {
    if (auto loop = written[i].dim.as_loop()) at[*loop] = where.index[i].dim;
  }
  for (Access a : map.reads) {
    for (AxisIndex& i : a.index) i.dim = substitute_loops(i.dim, at);
    const bool alike =
        is_same_place(a, where) && reader.args[a.tensor].shape == reader.args[where.tensor].shape;
    const bool moves = std::ranges::any_of(
        a.index, [&](const AxisIndex& i) { return i.expr || uses_any(i.dim, moving); });
    if (moves && !alike) return false;
    found |= alike;
  }
  return found;
}

// Whether a read of a convolution is where its image or its weights are, and not beside them, as a scale is.
bool says_geometry(const Stage& s, const Access& where) {
  const ConvGeometry g = *conv_geometry(s);
  return is_same_place(where, s.reads[g.image]) || is_same_place(where, s.reads[g.weights]);
}

// Puts that load before the others.
void load_first(Stage& s, const Access& where) {
  const auto is_it = [&](const Expr& e) {
    return e.fn == Fn::kLoad && is_same_place(s.reads[e.index], where);
  };
  auto found = std::ranges::find_if(s.body, is_it);
  const auto at = static_cast<size_t>(found - s.body.begin());
  std::rotate(s.body.begin(), found, found + 1);
  const auto moved = [&](ExprId id) {
    if (id.index == at) return ExprId(0);
    return id.index < at ? ExprId(id.index + 1) : id;
  };
  for (Expr& e : s.body) {
    for (ExprId& a : e.args) a = moved(a);
  }
  each_root(s, [&](ExprId& id) { id = moved(id); });
}

Result<Kernel> composed(const Kernel& writer, const Kernel& reader, ValueId v) {
  const Stage* map = pure_map(writer, v);
  if (!map) return refuse("the value is not made by one map");
  Kernel out = reader;
  const Stage inlined = adopted(writer, *map, out);
  for (Stage& s : out.stages) {
    for (uint32_t r = 0; r < s.reads.size(); ++r) {
      const Access where = s.reads[r];
      if (!is_of(out, where, v)) continue;
      if (!is_proven(where)) return refuse("the value is read outside of its bounds");
      const bool geometry = s.kind() == Kind::kConv && says_geometry(s, where);
      if (geometry && !keeps_geometry(out, inlined, s, where)) {
        return refuse("a convolution would read its operand at other places");
      }
      inline_into(inlined, s, r);
      if (s.kind() == Kind::kContract) split_depth(out, s);
      const bool even =
          s.kind() != Kind::kContract ||
          std::ranges::all_of(s.reads, [&](const Access& a) { return is_even(s, a); });
      if (!even) return refuse("a product would read its operand at uneven steps");
      if (geometry) load_first(s, where);
    }
  }
  for (Stage& s : out.stages) {
    for (auto r = static_cast<uint32_t>(s.reads.size()); r-- > 0;) {
      if (is_of(out, s.reads[r], v)) erase_read(s, r);
    }
  }
  drop_unused(out);
  return out;
}

}  // namespace

Result<Kernel> compose(const Kernel& writer, const Kernel& reader, ValueId v,
                       const Needed& needed) {
  if (needed(v)) return refuse("others read the value too");
  return composed(writer, reader, v);
}

}  // namespace rlx
