#include "plan/plan.h"

#include <set>

#include "ir/builder.h"
#include "kernel/interpreter.h"
#include "lir/codes.h"
#include "plan/buffers.h"
#include "plan/choose.h"
#include "plan/group.h"
#include "plan/layout.h"
#include "support/ending.h"

namespace rlx {
namespace {

Price price_of(Menu menu, const Target& target) {
  return [=, &target](const Kernel& k) {
    auto rows = menu(k, target);
    return rows ? cheapest(*rows).cost : Cost::most();
  };
}

void note_kernels(Groups& groups, const Vec<Alternative>& choices) {
  for (size_t u = 0; u < groups.units.size(); ++u) {
    const Kernel& k = groups.units[u].kernel;
    groups.report.kernels.push_back(
        {k.name, node_of(k), choices[u].choice.algorithm, choices[u].cost});
  }
}

// One kernel per group, in the groups' order, with the storages that were laid out.
Vec<PlannedKernel> kernels_of(const Lir& lir, const Vec<Unit>& units) {
  Vec<PlannedKernel> kernels;
  size_t next = 0;
  for (const Group& group : lir.groups) {
    const bool is_copy = group.nodes.empty();
    const Placed& first = lir.placed[group.args[0]];
    Kernel k = is_copy ? copy_kernel(lir.graph, first.value, first.storage,
                                     lir.placed[group.args[1]].storage)
                       : units[next++].kernel;
    k.name = group.name;
    for (size_t a = 0; a < group.args.size(); ++a) {
      k.args[a].storage = lir.placed[group.args[a]].storage;
    }
    kernels.push_back({std::move(k), group.choice});
  }
  return kernels;
}

}  // namespace

Vec<std::string> plan_switches() { return {"fusion", "layout", "views"}; }

PlanSwitches switches_of(const Vec<std::pair<std::string, std::string>>& options) {
  PlanSwitches s;
  for (const auto& [name, value] : options) {
    if (name != "disable") continue;
    const std::string list = "," + value + ",";
    s.fusion = list.find(",fusion,") == std::string::npos;
    s.layout = list.find(",layout,") == std::string::npos;
    s.views = list.find(",views,") == std::string::npos;
  }
  return s;
}

Result<Plan> plan(Graph g, const Target& target, Menu menu, const PlanOptions& options) {
  Plan out;
  const PlanSwitches on = switches_of(options.options);
  RLX_TRY(Vec<Unit> units, units_of(g, on.views));
  Groups groups{.units = std::move(units)};
  if (on.fusion) groups = decide_groups(std::move(groups.units), g, price_of(menu, target));
  RLX_TRY(const Vec<Alternative> choices, on.layout
                                              ? choose(groups.units, g, target, menu)
                                              : choose_undemanding(groups.units, target, menu));
  note_kernels(groups, choices);
  out.lir.graph = std::move(g);
  out.lir.target = target.text;
  out.lir.options = options.options;
  out.lir.fusions = std::move(groups.fusions);
  out.report = std::move(groups.report);
  lay_out(out.lir, groups.units, choices);
  out.kernels = kernels_of(out.lir, groups.units);
  assign_buffers(out.lir, out.kernels);
  return out;
}

Result<Vec<PlannedKernel>> replay(const Lir& lir) {
  RLX_TRY(Vec<Unit> units, units_of(lir.graph, switches_of(lir.options).views));
  RLX_TRY(units, replay_groups(std::move(units), lir.graph, lir.fusions));
  size_t planned = 0;
  for (const Group& group : lir.groups) {
    if (group.nodes.empty()) continue;
    const bool fits = planned < units.size() && units[planned].nodes == group.nodes &&
                      units[planned].kernel.args.size() == group.args.size();
    if (!fits) return Error(kPlanMismatch, "the stored plan does not fit its graph");
    ++planned;
  }
  if (planned != units.size()) {
    return Error(kPlanMismatch, "the stored plan does not cover its graph");
  }
  return kernels_of(lir, units);
}

Status own_outputs(Graph& g) {
  std::set<ValueId> seen;
  for (ValueId& out : g.top().results) {
    const bool own = g[out].def.kind == ValueDef::Kind::kNode && seen.insert(out).second;
    if (own) continue;
    const OpDef* identity = find_op("identity");
    RLX_CHECK(identity);
    const Origin origin{g.output_names[static_cast<size_t>(&out - g.top().results.data())]};
    const NodeId n = g.add_node(Graph::kTop, Attrs(identity), {out}, {g[out].type}, origin);
    out = g[n].outputs[0];
    seen.insert(out);
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
