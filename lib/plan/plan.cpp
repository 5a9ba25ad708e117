#include "plan/plan.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "ir/builder.h"
#include "ir/index_sources.h"
#include "kernel/interpreter.h"
#include "kernel/substitute.h"
#include "lir/codes.h"
#include "plan/buffers.h"
#include "plan/choose.h"
#include "plan/group.h"
#include "plan/hand_over.h"
#include "plan/in_place.h"
#include "plan/layout.h"
#include "plan/likely.h"
#include "plan/relax.h"
#include "plan/split.h"
#include "plan/states.h"
#include "plan/views.h"
#include "support/ending.h"

namespace rlx {
namespace {

// Of the right operands of products: whoever makes such a value writes rows, and which layouts there will be is not known
// while kernels are grouped. (Channels-last is what convolutions hand to each other.)
Cost copies_before(const Kernel& k, const Alternative& row, const Graph& g, const Target& target,
                   Menu menu) {
  std::set<uint32_t> right;
  for (const Stage& s : k.stages) {
    if (!is_product(s)) continue;
    for (const uint32_t r : loaded_reads(s, operands(s)[1])) {
      if (s.reads[r].of == Access::Of::kArg) right.insert(s.reads[r].tensor);
    }
  }
  Cost sum;
  for (const uint32_t a : right) {
    const Arg& arg = k.args[a];
    const auto rank = static_cast<int>(arg.shape.size());
    if (arg.constant || row.needs[a].is_met_by(Storage::row_major(rank))) continue;
    sum += cost_of_copy(g, arg.value, row.needs[a].wanted(rank), target, menu);
  }
  return sum;
}

// Of what views leave of a kernel.
Price price_of(Menu menu, const Target& target, const Graph& g, bool views,
               const LikelyDims& likely) {
  return [=, &target, &g](const Kernel& k) {
    if (k.stages.empty()) return Cost();
    const std::optional<Kernel> left = views ? left_by_views(k, g) : std::nullopt;
    if (left && left->stages.empty()) return Cost();
    const Kernel& open = left ? *left : k;
    auto rows = likely.empty() ? menu(open, target) : menu(at_values(open, likely), target);
    if (!rows) return Cost::most();
    Cost least = Cost::most();
    for (const Alternative& row : *rows) {
      least = std::min(least, row.cost + copies_before(k, row, g, target, menu));
    }
    return least;
  };
}

void note_kernels(Groups& groups, const Vec<Alternative>& choices) {
  for (size_t u = 0; u < groups.units.size(); ++u) {
    const Kernel& k = groups.units[u].kernel;
    if (k.stages.empty()) continue;
    groups.report.kernels.push_back(
        {k.name, node_of(k), choices[u].choice.algorithm, choices[u].cost});
  }
}

// The units grouped; `out` notes what was merged.
Vec<Unit> grouped(Vec<Unit> units, const Graph& g, const Price& price, Groups& out) {
  Groups groups = decide_groups(std::move(units), g, price);
  std::ranges::move(groups.fusions, std::back_inserter(out.fusions));
  std::ranges::move(groups.report.neighbours, std::back_inserter(out.report.neighbours));
  return std::move(groups.units);
}

// Whether p is a box of another value, and not all of it.
bool is_part(const Lir& lir, const Placed& p) {
  if (!p.inside) return false;
  const Vec<Dim>& outer = lir.graph[lir.placed[p.inside->container].value].type.shape;
  const Box box{p.inside->start, lir.graph[p.value].type.shape};
  for (size_t axis = 0; axis < outer.size(); ++axis) {
    if (!box.spans(outer, axis)) return true;
  }
  return false;
}

// Whether its memory has room for more than the value.
bool has_room(const Lir& lir, uint32_t container) {
  const Placed& p = lir.placed[container];
  return !lir.states.empty() && room_of(lir, p) != lir.graph[p.value].type.shape;
}

// Says of the kernel's arguments which are parts, and which lie in one memory.
void set_frames(Kernel& k, const Lir& lir, const Vec<uint32_t>& placed) {
  std::set<uint32_t> seen, framed;
  for (const uint32_t p : placed) {
    const uint32_t container = container_of(lir, p);
    const bool is_new = seen.insert(container).second;
    if (!is_new || is_part(lir, lir.placed[p]) || has_room(lir, container)) {
      framed.insert(container);
    }
  }
  for (size_t a = 0; a < placed.size(); ++a) {
    const uint32_t container = container_of(lir, placed[a]);
    auto memory = framed.find(container);
    if (memory == framed.end()) continue;
    const Placed &p = lir.placed[placed[a]], &outer = lir.placed[container];
    const Vec<Dim> begin(k.args[a].shape.size(), 0);
    k.args[a].frame =
        ArgFrame{static_cast<uint32_t>(std::distance(framed.begin(), memory)), room_of(lir, outer),
                 outer.storage, p.inside ? p.inside->start : begin};
  }
}

// What an item that gives reads and writes; no kernel runs.
Kernel gift(const Lir& lir, const Group& group) {
  Kernel k{.name = group.name};
  for (const uint32_t placed : group.args) {
    const Placed& p = lir.placed[placed];
    const Type& t = lir.graph[p.value].type;
    k.args.push_back({.name = k.args.empty() ? "from" : "to",
                      .value = p.value,
                      .dtype = t.dtype,
                      .shape = t.shape,
                      .storage = p.storage,
                      .written = !k.args.empty()});
  }
  return k;
}

// One kernel per group, in the groups' order, with the storages that were laid out.
Vec<PlannedKernel> kernels_of(const Lir& lir, const Vec<Unit>& units) {
  Vec<PlannedKernel> kernels;
  size_t next = 0;
  for (const Group& group : lir.groups) {
    const bool is_copy = group.nodes.empty();
    const Placed& first = lir.placed[group.args[0]];
    if (is_given(lir, group)) {
      kernels.push_back({gift(lir, group), group.choice});
      continue;
    }
    Kernel k = is_copy ? copy_kernel(lir.graph, first.value, first.storage,
                                     lir.placed[group.args[1]].storage)
                       : units[next++].kernel;
    k.name = group.name;
    for (size_t a = 0; a < group.args.size(); ++a) {
      k.args[a].storage = lir.placed[group.args[a]].storage;
    }
    set_frames(k, lir, group.args);
    kernels.push_back({std::move(k), group.choice});
  }
  return kernels;
}

// What planning and replaying decide of the units of one region.
using Decide = std::function<Result<Vec<Unit>>(RegionId, Vec<Unit>)>;

// The units of all regions, each behind the one that owns its region.
Result<Vec<Unit>> units_for(const Graph& g, const PlanSwitches& on, const Decide& decide) {
  struct Open {
    Vec<Unit> units;
    size_t next = 0;
  };
  const Vec<bool> is_source = index_sources(g);
  const auto units_in = [&](RegionId r) -> Result<Vec<Unit>> {
    RLX_TRY(Vec<Unit> units, units_of(g, r, on.views));
    relax_products(units, is_source, on.relaxed);
    return decide(r, std::move(units));
  };
  RLX_TRY(Vec<Unit> top, units_in(Graph::kTop));
  Vec<Unit> all;
  Vec<Open> open;
  open.push_back({std::move(top)});
  while (!open.empty()) {
    Open& last = open.back();
    if (last.next == last.units.size()) {
      open.pop_back();
      continue;
    }
    all.push_back(std::move(last.units[last.next++]));
    const Vec<RegionId> regions = all.back().regions;
    // The first one is opened last.
    for (size_t i = regions.size(); i-- > 0;) {
      RLX_TRY(Vec<Unit> inner, units_in(regions[i]));
      open.push_back({std::move(inner)});
    }
  }
  return all;
}

Views views_of(Vec<Unit>& units, const Graph& g, const PlanSwitches& on) {
  Views views = on.views ? take_views(units, g) : Views(g.values.size());
  lay_results(views, units, g);
  return views;
}

Vec<State> states_of(Vec<Unit>& units, const Graph& g, const PlanSwitches& on) {
  return on.views ? take_states(units, g) : Vec<State>();
}

// Whether the stored values lie where these views say.
bool fits(const Lir& lir, const Views& views) {
  return std::ranges::all_of(lir.placed, [&](const Placed& p) {
    const std::optional<View> view = p.copy == 0 ? views.of(p.value) : std::nullopt;
    // Those in place of others are looked at with their kernels.
    if (!view) return !p.inside || p.copy == 0 || is_copied_by_state(lir, p);
    if (!p.inside) return false;
    const Placed& outer = lir.placed[p.inside->container];
    return outer.copy == 0 && outer.value == view->container && p.inside->start == view->start;
  });
}

// Whether the group's arguments are those of the kernel.
bool fits(const Lir& lir, const Group& group, const Unit& unit) {
  const Vec<Arg>& args = unit.kernel.args;
  if (unit.nodes != group.nodes || args.size() != group.args.size()) return false;
  for (size_t a = 0; a < args.size(); ++a) {
    if (lir.placed[group.args[a]].value != args[a].value) return false;
  }
  return true;
}

}  // namespace

Vec<std::string> plan_switches() { return {"fusion", "layout", "splits", "views"}; }

PlanSwitches switches_of(const Vec<std::pair<std::string, std::string>>& options) {
  PlanSwitches s;
  for (const auto& [name, value] : options) {
    if (name == "math") s.relaxed = value == "fast" ? Relaxed::kProducts : Relaxed::kNothing;
    // Sorted: it stands behind the other.
    if (name == "precision" && value == "bf16") s.relaxed = Relaxed::kProducts;
    if (name != "disable") continue;
    const std::string list = "," + value + ",";
    s.fusion = list.find(",fusion,") == std::string::npos;
    s.layout = list.find(",layout,") == std::string::npos;
    s.splits = list.find(",splits,") == std::string::npos;
    s.views = list.find(",views,") == std::string::npos;
  }
  return s;
}

Result<Plan> plan(Graph g, const Target& target, Menu menu, const PlanOptions& options) {
  Plan out;
  const PlanSwitches on = switches_of(options.options);
  Groups groups;
  const LikelyDims likely = likely_dims(options.options);
  const Price whole = price_of(menu, target, g, on.views, likely);
  const Price least = [&](const Kernel& k) { return least_cost(k, whole); };
  const auto decide = [&](RegionId, Vec<Unit> units) -> Result<Vec<Unit>> {
    if (!on.fusion) return units;
    return grouped(std::move(units), g, on.splits ? least : whole, groups);
  };
  RLX_TRY(groups.units, units_for(g, on, decide));
  if (on.splits) out.lir.splits = split_units(groups.units, g, whole, groups.report);
  const Views views = views_of(groups.units, g, on);
  out.lir.states = states_of(groups.units, g, on);
  RLX_TRY(const Vec<Alternative> choices,
          on.layout ? choose(groups.units, g, target, menu, likely, out.lir.states)
                    : choose_undemanding(groups.units, target, menu));
  note_kernels(groups, choices);
  out.lir.graph = std::move(g);
  out.lir.target = target.text;
  out.lir.options = options.options;
  out.lir.fusions = std::move(groups.fusions);
  out.report = std::move(groups.report);
  lay_out(out.lir, groups.units, views, choices, on.views);
  if (on.views) carry_in_place(out.lir, groups.units, choices);
  out.kernels = kernels_of(out.lir, groups.units);
  assign_buffers(out.lir, out.kernels);
  return out;
}

Result<Vec<PlannedKernel>> replay(const Lir& lir) {
  const PlanSwitches on = switches_of(lir.options);
  const Vec<RegionId> region_of = lir.graph.node_regions();
  std::map<RegionId, Vec<Fusion>> fusions;
  for (const Fusion& f : lir.fusions) fusions[region_of[f.reader.index]].push_back(f);
  if (fusions.contains(RegionId())) {
    return Error(kPlanMismatch, "the plan names a node that has no kernel");
  }
  const auto decide = [&](RegionId r, Vec<Unit> units) {
    return replay_groups(std::move(units), lir.graph, fusions[r]);
  };
  RLX_TRY(Vec<Unit> units, units_for(lir.graph, on, decide));
  RLX_TRY(units, replay_splits(std::move(units), lir.splits));
  const Views views = views_of(units, lir.graph, on);
  const bool same_states = states_of(units, lir.graph, on) == lir.states;
  if (!same_states || !are_states_copied(lir)) {
    return Error(kPlanMismatch, "the stored plan has other states than its graph");
  }
  if (!fits(lir, views)) {
    return Error(kPlanMismatch, "the stored plan lays values where its graph does not");
  }
  size_t planned = 0;
  BlockWalk walk(lir);
  for (uint32_t i = 0; i < lir.groups.size(); ++i) {
    const Group& group = lir.groups[i];
    walk.enter(i);
    if (group.nodes.empty()) continue;
    if (planned == units.size() || units[planned].region != walk.region() ||
        !fits(lir, group, units[planned])) {
      return Error(kPlanMismatch, "the stored plan does not fit its graph");
    }
    ++planned;
  }
  if (planned != units.size()) {
    return Error(kPlanMismatch, "the stored plan does not cover its graph");
  }
  Vec<PlannedKernel> kernels = kernels_of(lir, units);
  const std::optional<std::set<uint32_t>> carried = carried_in_place(lir, kernels);
  if (!carried) {
    return Error(kPlanMismatch, "the stored plan does not hand over what its blocks give");
  }
  if (!is_in_place_sound(lir, kernels, views, *carried)) {
    return Error(kPlanMismatch, "the stored plan lays values over what is needed");
  }
  return kernels;
}

namespace {

// What a new node of the region gives, which is v.
ValueId copied_in(Graph& g, RegionId region, ValueId v, Origin origin) {
  const OpDef* identity = find_op("identity");
  RLX_CHECK(identity);
  const NodeId n = g.add_node(region, Attrs(identity), {v}, {g[v].type}, std::move(origin));
  return g[n].outputs[0];
}

}  // namespace

namespace {

// Shape arithmetic that a node with regions reads gets a place in memory.
void own_inputs(Graph& g, RegionId r) {
  for (const NodeId id : std::exchange(g[r].nodes, {})) {
    for (size_t i = 0; !g[id].regions.empty() && i < g[id].inputs.size(); ++i) {
      const ValueId v = g[id].inputs[i];
      if (g[v].def.kind != ValueDef::Kind::kDims) continue;
      const ValueId own = copied_in(g, r, v, Origin(g[id].origin));
      g[id].inputs[i] = own;
    }
    g[r].nodes.push_back(id);
  }
}

}  // namespace

Status own_outputs(Graph& g) {
  for (const RegionId r : g.live_regions()) own_inputs(g, r);
  const Vec<NodeId> owners = g.region_owners();
  for (const RegionId r : g.live_regions()) {
    std::set<ValueId> made, seen;
    for (const NodeId n : g[r].nodes) made.insert(g[n].outputs.begin(), g[n].outputs.end());
    for (size_t i = 0; i < g[r].results.size(); ++i) {
      const ValueId out = g[r].results[i];
      if (made.contains(out) && seen.insert(out).second) continue;
      Origin origin = r == Graph::kTop ? Origin{g.output_names[i]} : g[owners[r.index]].origin;
      g[r].results[i] = copied_in(g, r, out, std::move(origin));
    }
  }
  return {};
}

Result<PackedConstant> packed_constant(const Constant& c, const Storage& storage) {
  if (storage.is_row_major()) return PackedConstant{c.digest, c.data};
  const Vec<Dim> shape(c.shape.begin(), c.shape.end());
  std::optional<int64_t> elements = storage_elements(storage, shape).constant();
  RLX_CHECK(elements.has_value());
  std::string bytes(static_cast<size_t>(bytes_of(c.dtype, *elements)), '\0');
  RLX_TRY_VOID(
      pack(c.data.bytes(), std::as_writable_bytes(std::span(bytes)), c.dtype, c.shape, storage));
  const Digest digest = sha256(bytes_of(bytes));
  return PackedConstant{digest, ConstantData::owned(std::move(bytes))};
}

Result<ConstantData> unpacked(const StoredConstant& c, Bytes blob) {
  const Vec<Dim> shape(c.constant.shape.begin(), c.constant.shape.end());
  const std::optional<int64_t> elements = storage_elements(c.storage, shape).constant();
  const int64_t bytes = bytes_of(c.constant.dtype, elements.value_or(0));
  if (!elements || c.offset + bytes > static_cast<int64_t>(blob.size())) {
    return Error(kNoConstant, "a constant lies outside of its blob");
  }
  const Bytes packed = blob.subspan(static_cast<size_t>(c.offset), static_cast<size_t>(bytes));
  std::string dense(static_cast<size_t>(bytes_of(c.constant.dtype, c.constant.elements())), '\0');
  RLX_TRY_VOID(unpack(packed, std::as_writable_bytes(std::span(dense)), c.constant.dtype,
                      c.constant.shape, c.storage));
  return ConstantData::owned(std::move(dense));
}

Status pack_constants(Lir& lir, const TakePacked& take) {
  for (const Placed& p : lir.placed) {
    LirBuffer& b = lir.buffers[p.buffer];
    if (b.role != LirBuffer::Role::kConstant) continue;
    const AtHand here("pack", lir.graph[p.value].name);
    RLX_TRY(PackedConstant form, packed_constant(*lir.graph.constant_of(p.value), p.storage));
    b.packed = form.digest;
    RLX_TRY_VOID(take(p.buffer, std::move(form)));
  }
  return {};
}

}  // namespace rlx
