#include "plan/tell_results.h"

#include <algorithm>

#include "ir/builder.h"
#include "ir/order.h"
#include "ir/tellers.h"
#include "op/tell.h"

namespace rlx {
namespace {

// An extent of an output that is a symbol of the node's own.
struct Told {
  size_t output = 0;
  size_t axis = 0;
  std::string symbol;
};

class ResultTeller {
 public:
  explicit ResultTeller(Graph& g) : g_(g), tellers_(tellers_of(g, definition_order(g).nodes)) {}

  Status run() {
    if (tellers_.empty()) return {};
    for (const RegionId r : g_.live_regions()) {
      for (const NodeId n : Vec<NodeId>(g_[r].nodes)) {
        if (!g_[n].regions.empty()) RLX_TRY_VOID(look_at(r, n));
      }
    }
    return {};
  }

 private:
  Status look_at(RegionId region, NodeId n) {
    const Vec<Told> told = told_by(n);
    if (told.empty()) return {};
    if (!g_[g_[n].regions[0]].is_loop_body()) return tell_branches(region, n, told);
    const size_t carried = g_[n].inputs.size() - 2;
    Vec<Told> grown, counted;
    for (const Told& t : told) (t.output < carried ? grown : counted).push_back(t);
    if (!grown.empty()) RLX_TRY_VOID(tell_carried(region, n, grown));
    if (!counted.empty()) RLX_TRY_VOID(tell_trips(region, n, counted));
    return {};
  }

  // None where nodes tell them already.
  Vec<Told> told_by(NodeId n) const {
    Vec<Told> told;
    for (size_t i = 0; i < g_[n].outputs.size(); ++i) {
      const Vec<Dim>& shape = g_[g_[n].outputs[i]].type.shape;
      for (size_t axis = 0; axis < shape.size(); ++axis) {
        const std::optional<SymbolName> name = shape[axis].as_symbol();
        const auto teller = name ? tellers_.find(*name) : tellers_.end();
        if (teller == tellers_.end() || teller->second != Vec<NodeId>{n}) continue;
        told.push_back({i, axis, g_.find_symbol(*name)->name});
      }
    }
    return told;
  }

  // Of value v, which stands for the output.
  Vec<Dim> extents_of(const Vec<Told>& told, const std::function<ValueId(size_t)>& value) const {
    Vec<Dim> extents;
    for (const Told& t : told) extents.push_back(g_[value(t.output)].type.shape[t.axis]);
    return extents;
  }

  Type type_of(const Vec<Told>& told) const {
    return Type::tensor(DType::kI64, {static_cast<int64_t>(told.size())});
  }

  Status tell_branches(RegionId region, NodeId n, const Vec<Told>& told) {
    for (const RegionId branch : Vec<RegionId>(g_[n].regions)) {
      const Values results = g_[branch].results;
      const ValueId extents =
          g_.add_dims(extents_of(told, [&](size_t i) { return results[i]; }), 1);
      g_[branch].results.push_back(extents);
    }
    const ValueId out = g_.insert_output(n, g_[n].outputs.size(), type_of(told));
    return tell_behind(region, n, told, out);
  }

  // The extents are carried as well.
  Status tell_carried(RegionId region, NodeId n, const Vec<Told>& told) {
    const RegionId body = g_[n].regions[0];
    const Values inputs = g_[n].inputs, results = g_[body].results;
    const size_t carried = inputs.size() - 2;
    const ValueId before =
        g_.add_dims(extents_of(told, [&](size_t i) { return inputs[2 + i]; }), 1);
    const ValueId after =
        g_.add_dims(extents_of(told, [&](size_t i) { return results[1 + i]; }), 1);
    const ValueId argument = carry(n, before, after, type_of(told));
    RLX_TRY_VOID(tell_first(body, g_[n].origin, told, argument));
    return tell_behind(region, n, told, g_[n].outputs[carried]);
  }

  // A number that each trip sets to that of the trips so far.
  Status tell_trips(RegionId region, NodeId n, const Vec<Told>& told) {
    const RegionId body = g_[n].regions[0];
    const Type type = Type::tensor(DType::kI64, {1});
    const ValueId none = g_.add_constant(make_i64({0}, 1));
    GraphBuilder builder(g_, body, g_[n].origin);
    const ValueId number = g_[body].arguments[0];
    RLX_TRY(const ValueId vector, builder.add1("reshape", {number, builder.i64s({1})}));
    RLX_TRY(const ValueId trips, builder.add1("add", {vector, builder.i64s({1})}));
    carry(n, none, trips, type);
    const ValueId out = g_[n].outputs[g_[n].inputs.size() - 3];
    for (const Told& t : told) RLX_TRY_VOID(tell_behind(region, n, {t}, out));
    return {};
  }

  // The argument of the body.
  ValueId carry(NodeId n, ValueId before, ValueId after, const Type& type) {
    const RegionId body = g_[n].regions[0];
    const size_t carried = g_[n].inputs.size() - 2;
    g_[n].inputs.push_back(before);
    Values& results = g_[body].results;
    results.insert(results.begin() + static_cast<ptrdiff_t>(1 + carried), after);
    g_.insert_output(n, carried, type);
    return g_.add_argument(body, type);
  }

  Status tell_first(RegionId body, const Origin& origin, const Vec<Told>& told, ValueId v) {
    const Vec<NodeId> nodes = std::exchange(g_[body].nodes, {});
    RLX_TRY_VOID(tell(body, origin, told, v));
    g_[body].nodes.insert(g_[body].nodes.end(), nodes.begin(), nodes.end());
    return {};
  }

  Status tell_behind(RegionId region, NodeId n, const Vec<Told>& told, ValueId v) {
    const Vec<NodeId> nodes = std::exchange(g_[region].nodes, {});
    const auto behind = std::next(std::ranges::find(nodes, n));
    RLX_TRY_VOID(tell(region, g_[n].origin, told, v));
    Vec<NodeId>& now = g_[region].nodes;
    now.insert(now.begin(), nodes.begin(), behind);
    now.insert(now.end(), behind, nodes.end());
    return {};
  }

  Status tell(RegionId region, Origin origin, const Vec<Told>& told, ValueId v) {
    ops::Tell names;
    for (const Told& t : told) names.above.push_back(t.symbol);
    GraphBuilder builder(g_, region, std::move(origin));
    RLX_TRY_VOID(builder.add1(attrs(std::move(names)), {v}));
    return {};
  }

  Graph& g_;
  const Tellers tellers_;
};

}  // namespace

Status tell_results(Graph& g) { return ResultTeller(g).run(); }

}  // namespace rlx
