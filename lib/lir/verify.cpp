#include <algorithm>
#include <set>

#include "kernel/border.h"
#include "lir/codes.h"
#include "lir/lir.h"

namespace rlx {
namespace {

Error bad(const std::string& what) { return Error(kBrokenLir, "lir: " + what); }

bool is_constant(const Lir& lir, const Placed& p) {
  return lir.graph[p.value].def.kind == ValueDef::Kind::kConstant;
}

// A box that is all inside of its container, and lies as that does.
Status verify_inside(const Lir& lir, const Placed& p) {
  if (p.inside->container >= lir.placed.size()) return bad("a value lies in nothing");
  const Placed& outer = lir.placed[p.inside->container];
  if (outer.value.index >= lir.graph.values.size()) return bad("a placed value does not exist");
  if (outer.inside || outer.buffer != p.buffer || is_constant(lir, outer) || is_constant(lir, p)) {
    return bad("a value lies in one that cannot hold it");
  }
  const Type &type = lir.graph[p.value].type, &outer_type = lir.graph[outer.value].type;
  const bool alike = type.dtype == outer_type.dtype && type.rank() == outer_type.rank() &&
                     type.shape.size() == p.inside->start.size() &&
                     outer.storage.padding.size() == type.shape.size();
  if (!alike) return bad("a value lies in one of another type");
  const Box box{p.inside->start, type.shape};
  if (!is_inside(box, outer_type.shape, lir.graph.symbol_ranges())) {
    return bad("a value is not shown to be inside of the one that it lies in");
  }
  if (!outer.storage.is_plain() || p.storage != storage_of(box, outer.storage, outer_type.shape)) {
    return bad("a value lies otherwise than the one that it lies in");
  }
  return {};
}

// Of one that is filled in each run, which numbers tell where to fill, and nothing comes round to.
Status verify_border(const Lir& lir, const Placed& p) {
  const LirBuffer& b = lir.buffers[p.buffer];
  if (b.role != LirBuffer::Role::kTemporary || !b.fill || b.slot >= 0) return {};
  const bool goes_round =
      std::ranges::any_of(lir.groups, [](const Group& g) { return !g.ends.empty(); });
  if (goes_round || border_of(p.storage, lir.graph[p.value].type.shape).empty()) {
    return bad("a buffer has a fill and no slot to keep it in");
  }
  return {};
}

Status verify_placed(const Lir& lir, const Placed& p) {
  if (p.value.index >= lir.graph.values.size()) return bad("a placed value does not exist");
  if (p.buffer >= lir.buffers.size()) return bad("a placed value has no buffer");
  const Type& type = lir.graph[p.value].type;
  if (p.storage.padding.size() != type.shape.size()) {
    return bad("a storage has another rank than its value");
  }
  if (Status sound = verify(p.storage, type.rank()); !sound) {
    return bad(sound.error().first().message);
  }
  const bool formed = p.storage.form != Form::kElements;
  if (formed && !(is_constant(lir, p) && can_take(p.storage.form, type.dtype, type.shape))) {
    return bad("a value is in a form that it cannot take");
  }
  if (p.inside) return verify_inside(lir, p);
  const LirBuffer& b = lir.buffers[p.buffer];
  if (b.dtype != type.dtype || b.elements != storage_elements(p.storage, room_of(lir, p))) {
    return bad("a placed value has a buffer of another type or size");
  }
  if (is_constant(lir, p) != (lir.buffers[p.buffer].role == LirBuffer::Role::kConstant)) {
    return bad("a constant lies in a buffer of another role");
  }
  RLX_TRY_VOID(verify_border(lir, p));
  return {};
}

// Graph inputs and outputs are the user's: dense, and in no other value, but for what a state copies. Values share a
// buffer as boxes alone.
Status verify_sharing(const Lir& lir) {
  Vec<bool> is_users(lir.graph.values.size()), taken(lir.buffers.size());
  for (const Values* users : {&lir.graph.inputs(), &lir.graph.outputs()}) {
    for (const ValueId v : *users) is_users[v.index] = true;
  }
  for (const Placed& p : lir.placed) {
    if (p.inside && is_users[p.value.index] && !is_copied_by_state(lir, p)) {
      return bad("an input or output lies in another value");
    }
    if (p.inside) continue;
    if (taken[p.buffer]) return bad("two values lie in one buffer");
    taken[p.buffer] = true;
  }
  return {};
}

const Type& type_of(const Lir& lir, uint32_t placed) {
  return lir.graph[lir.placed[placed].value].type;
}

// Of one value in two storages, or of one to another that is its container and dense, as it is itself.
Status verify_copy(const Lir& lir, const Group& g) {
  const Type &from = type_of(lir, g.args[0]), &to = type_of(lir, g.args[1]);
  if (from == to || (from.dtype == to.dtype && are_same(lir.graph, from.shape, to.shape))) {
    return {};
  }
  const Placed &source = lir.placed[g.args[0]], &target = lir.placed[g.args[1]];
  const bool alike = from.dtype == to.dtype && from.rank() == to.rank();
  const bool dense = source.storage.is_row_major() && target.storage.is_row_major() &&
                     !source.inside && !target.inside;
  const LirBuffer& b = lir.buffers[target.buffer];
  const bool free = b.slot < 0 && !b.fill && b.role != LirBuffer::Role::kInput &&
                    b.role != LirBuffer::Role::kConstant;
  if (alike && dense && free) return {};
  return bad("copy " + g.name + " is between values of two types");
}

Status verify_group(const Lir& lir, const Group& g) {
  if (g.args.empty()) return bad("kernel " + g.name + " has no arguments");
  for (const uint32_t a : g.args) {
    if (a >= lir.placed.size()) {
      return bad("kernel " + g.name + " names a value that is not placed");
    }
  }
  for (const NodeId n : g.nodes) {
    if (n.index >= lir.graph.nodes.size()) {
      return bad("kernel " + g.name + " names a node that does not exist");
    }
  }
  if (g.nodes.empty() && g.args.size() != 2) {
    return bad("copy " + g.name + " has not two arguments");
  }
  return g.nodes.empty() ? verify_copy(lir, g) : Status();
}

// A branch gives the node's outputs; a loop's body takes its inputs, and gives its outputs and whether it goes on.
bool gives_outputs(const Region& r, const Node& node) {
  const size_t in = node.inputs.size(), out = node.outputs.size();
  if (!r.is_loop_body()) return in >= 1 && r.results.size() == out;
  return in >= 2 && r.arguments.size() == in && r.results.size() == out + 1 && out + 2 >= in;
}

// One block a region, inside of the block around.
Status verify_blocks(const Lir& lir) {
  // Where blocks end that are open, the innermost last.
  Vec<uint32_t> open{static_cast<uint32_t>(lir.groups.size())};
  for (uint32_t i = 0; i < lir.groups.size(); ++i) {
    while (open.back() == i) open.pop_back();
    const Group& g = lir.groups[i];
    const Vec<RegionId> none;
    const Vec<RegionId>& regions = g.nodes.empty() ? none : lir.graph[g.nodes[0]].regions;
    if (g.ends.size() != regions.size()) return bad(g.name + " has not a block for each region");
    if (g.ends.empty()) continue;
    if (g.nodes.size() != 1) return bad(g.name + " has blocks, and is a kernel");
    const Node& node = lir.graph[g.nodes[0]];
    for (const RegionId r : regions) {
      if (!gives_outputs(lir.graph[r], node)) {
        return bad(g.name + " has other values than its regions");
      }
    }
    uint32_t begin = i + 1;
    for (const uint32_t end : g.ends) {
      if (end < begin || end > open.back()) return bad("a block of " + g.name + " ends elsewhere");
      begin = end;
    }
    for (size_t block = g.ends.size(); block-- > 0;) open.push_back(g.ends[block]);
  }
  return {};
}

bool has(const Values& values, ValueId v) { return std::ranges::find(values, v) != values.end(); }

// Its input and output are the graph's, of one type but for the extent along the axis.
bool is_sound(const Lir& lir, const State& s) {
  if (!has(lir.graph.inputs(), s.input) || !has(lir.graph.outputs(), s.output)) return false;
  Type past = lir.graph[s.input].type;
  const Type& present = lir.graph[s.output].type;
  if (s.axis >= past.shape.size() || past.shape.size() != present.shape.size()) return false;
  past.shape[s.axis] = present.shape[s.axis];
  return past == present && s.input_capacity != s.output_capacity;
}

// Each value stands in one state at most, and capacities are no symbols of the graph.
Status verify_states(const Lir& lir) {
  std::set<ValueId> seen;
  for (const State& s : lir.states) {
    if (!is_sound(lir, s)) return bad("a state of values that do not hold it");
    if (!seen.insert(s.input).second || !seen.insert(s.output).second) {
      return bad("a value stands in two states");
    }
    for (const std::string* capacity : {&s.input_capacity, &s.output_capacity}) {
      if (capacity->empty() || lir.graph.find_symbol(SymbolName(*capacity))) {
        return bad("a capacity is a symbol of the graph");
      }
    }
  }
  return {};
}

}  // namespace

Status verify(const Lir& lir) {
  for (const Fusion& f : lir.fusions) {
    if (f.writer.index >= lir.graph.nodes.size() || f.reader.index >= lir.graph.nodes.size()) {
      return bad("a fusion names a node that does not exist");
    }
  }
  RLX_TRY_VOID(verify_states(lir));
  for (const Placed& p : lir.placed) RLX_TRY_VOID(verify_placed(lir, p));
  RLX_TRY_VOID(verify_sharing(lir));
  for (const Group& g : lir.groups) RLX_TRY_VOID(verify_group(lir, g));
  RLX_TRY_VOID(verify_blocks(lir));
  for (const LirBuffer& b : lir.buffers) {
    if (b.first > b.last || b.last >= std::max<size_t>(1, lir.groups.size())) {
      return bad("a lifetime ends before it begins");
    }
  }
  return {};
}

}  // namespace rlx
