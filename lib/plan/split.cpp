#include "plan/split.h"

#include <algorithm>
#include <map>

#include "lir/codes.h"

namespace rlx {
namespace {

// The runs of the first stage, where they can be had apart; 1: not.
int64_t runs_of(const Kernel& k) {
  if (k.stages.empty() || std::ranges::any_of(k.grid, &Loop::sequential)) return 1;
  const Stage& s = k.stages[0];
  const Order* order = order_of(s);
  const bool reads_args =
      std::ranges::all_of(s.reads, [](const Access& a) { return a.of == Access::Of::kArg; });
  if (!order || order->run || !reads_args) return 1;
  return order->parts.constant().value_or(1);
}

// The loops at each point of which the stage has a sum: the grid's, and its own that it does not sum over.
Vec<Loop> loops_of_results(const Kernel& k) {
  const Vec<LoopId> ended = ended_loops(k.stages[0]);
  Vec<Loop> loops = k.grid;
  for (const Loop& l : k.stages[0].loops) {
    if (!std::ranges::count(ended, l.id)) loops.push_back(l);
  }
  return loops;
}

// The accumulators of one type, by run and result.
struct Accumulators {
  Arg arg;
  Access access;
};

Accumulators accumulators_of(const Kernel& k, const Loop& run, DType type, ValueId value) {
  Accumulators out{{.name = "%" + std::to_string(value.index), .value = value, .dtype = type}, {}};
  Vec<Loop> loops = loops_of_results(k);
  loops.insert(loops.begin(), run);
  for (const Loop& l : loops) {
    out.arg.shape.push_back(l.extent);
    out.access.index.push_back({Dim::loop(l.id)});
    out.access.bounds.emplace_back();
  }
  out.arg.storage = Storage::row_major(static_cast<int>(loops.size()));
  return out;
}

ExprId accumulator(Body& body, DType type, size_t i) {
  return add(body, {.fn = Fn::kAcc, .type = type, .index = static_cast<uint32_t>(i)});
}

Kernel checked(Kernel k) {
  remove_unused(k);
  const Status sound = verify(k);
  RLX_CHECK(sound, to_text(sound.error()) + to_text(k));
  return k;
}

Kernel kernel_of_runs(const Kernel& k, const Vec<ValueId>& values) {
  Kernel out{.name = k.name + "_runs", .args = k.args, .grid = k.grid, .loop_count = k.loop_count};
  for (Arg& a : out.args) a.written = false;
  const Loop run{.id = LoopId(out.loop_count++), .extent = runs_of(k)};
  out.grid.insert(out.grid.begin(), run);
  Stage s = k.stages[0];
  std::visit(
      [&](auto& d) {
        if constexpr (requires { d.order; }) d.order.run = Dim::loop(run.id);
      },
      s.detail);
  s.writes.clear();
  s.results.clear();
  const Vec<DType> types = accumulator_types(s);
  for (size_t i = 0; i < types.size(); ++i) {
    Accumulators to = accumulators_of(k, run, types[i], values[i]);
    to.arg.written = true;
    to.access.tensor = static_cast<uint32_t>(out.args.size());
    out.args.push_back(std::move(to.arg));
    s.writes.push_back(std::move(to.access));
    s.results.push_back(accumulator(s.body, types[i], i));
  }
  out.stages = {std::move(s)};
  return checked(std::move(out));
}

Kernel kernel_of_merged(const Kernel& k, const Vec<ValueId>& values) {
  Kernel out = k;
  const Loop run{.id = LoopId(out.loop_count++), .extent = runs_of(k)};
  Stage& s = out.stages[0];
  const Vec<Fn> merges = *merges_of(s);
  Reduction r{.over = {run.id}, .acc = accumulator_types(s), .order = {}};
  const Vec<LoopId> ended = ended_loops(s);
  std::erase_if(s.loops, [&](const Loop& l) { return std::ranges::count(ended, l.id) != 0; });
  s.loops.push_back(run);
  for (size_t i = 0; i < merges.size(); ++i) {
    const DType type = r.acc[i];
    Accumulators from = accumulators_of(k, run, type, values[i]);
    from.access.tensor = static_cast<uint32_t>(out.args.size());
    out.args.push_back(std::move(from.arg));
    s.reads.push_back(std::move(from.access));
    const auto read = static_cast<uint32_t>(s.reads.size() - 1);
    const ExprId acc = accumulator(s.body, type, i);
    const ExprId of_run = add(s.body, {.fn = Fn::kLoad, .type = type, .index = read});
    r.init.push_back(identity_of(merges[i], type));
    r.combine.push_back(add(s.body, {.fn = merges[i], .type = type, .args = {acc, of_run}}));
  }
  s.detail = std::move(r);
  // Merging is no product any more.
  s.relaxed = false;
  return checked(std::move(out));
}

Cost cost_of(const Halves& h, const Price& price) { return price(h.runs) + price(h.merged); }

// Ids from `first` on, one an accumulator of the first stage.
Vec<ValueId> values_from(const Kernel& k, size_t first) {
  Vec<ValueId> values;
  if (k.stages.empty()) return values;
  for (size_t i = 0; i < accumulator_types(k.stages[0]).size(); ++i) values.emplace_back(first + i);
  return values;
}

// Ids that no value of the kernel has.
std::optional<Halves> halves_to_weigh(const Kernel& k) {
  size_t first = 0;
  for (const Arg& a : k.args) first = std::max<size_t>(first, a.value.index + 1);
  return halves_of(k, values_from(k, first));
}

void push_halves(Vec<Unit>& units, Halves halves, const Unit& whole) {
  units.push_back({std::move(halves.runs), {whole.nodes[0]}, whole.region});
  units.push_back({std::move(halves.merged), whole.nodes, whole.region});
}

// Whether what the first of the two writes has the types that the plan says.
bool fits(const Kernel& runs, const Split& split) {
  return std::ranges::all_of(split.accumulators, [&](const Accumulator& a) {
    const Arg* arg = arg_of(runs, a.value);
    return arg && arg->written && a.type == Type::tensor(arg->dtype, arg->shape);
  });
}

}  // namespace

std::optional<Halves> halves_of(const Kernel& k, const Vec<ValueId>& accumulators) {
  if (runs_of(k) <= 1) return std::nullopt;
  return Halves{kernel_of_runs(k, accumulators), kernel_of_merged(k, accumulators)};
}

Cost least_cost(const Kernel& k, const Price& price) {
  const std::optional<Halves> halves = halves_to_weigh(k);
  const Cost whole = price(k);
  return halves ? std::min(whole, cost_of(*halves, price)) : whole;
}

Vec<Split> split_units(Vec<Unit>& units, Graph& g, const Price& price, PlanReport& report) {
  Vec<Split> splits;
  Vec<Unit> out;
  for (Unit& u : units) {
    const Vec<ValueId> values = values_from(u.kernel, g.values.size());
    std::optional<Halves> halves = halves_of(u.kernel, values);
    const Cost whole = halves ? price(u.kernel) : Cost();
    const Cost apart = halves ? cost_of(*halves, price) : Cost();
    if (apart >= whole) {
      out.push_back(std::move(u));
      continue;
    }
    Split split{u.nodes[0], {}};
    for (const ValueId v : values) {
      const Arg& a = *arg_of(halves->runs, v);
      split.accumulators.push_back({v, Type::tensor(a.dtype, a.shape)});
    }
    add_accumulators(g, split);
    report.splits.push_back({u.kernel.name, node_of(u.kernel), runs_of(u.kernel), whole, apart});
    splits.push_back(std::move(split));
    push_halves(out, std::move(*halves), u);
  }
  units = std::move(out);
  return splits;
}

Result<Vec<Unit>> replay_splits(Vec<Unit> units, const Vec<Split>& splits) {
  std::map<NodeId, const Split*> of_node;
  for (const Split& s : splits) of_node[s.node] = &s;
  Vec<Unit> out;
  for (Unit& u : units) {
    auto split = of_node.find(u.nodes[0]);
    if (split == of_node.end()) {
      out.push_back(std::move(u));
      continue;
    }
    Vec<ValueId> values;
    for (const Accumulator& a : split->second->accumulators) values.push_back(a.value);
    const bool alike = values.size() == values_from(u.kernel, 0).size();
    std::optional<Halves> halves = alike ? halves_of(u.kernel, values) : std::nullopt;
    if (!halves || !fits(halves->runs, *split->second)) {
      return Error(kPlanMismatch, "the plan splits a kernel otherwise than its sums are cut");
    }
    push_halves(out, std::move(*halves), u);
    of_node.erase(split);
  }
  if (!of_node.empty()) return Error(kPlanMismatch, "the plan splits a kernel that is not there");
  return out;
}

}  // namespace rlx
