#include "passes/tell_operands.h"

#include <algorithm>
#include <set>

#include "ir/builder.h"
#include "op/cast.h"
#include "op/tell.h"
#include "passes/input_elements.h"

namespace rlx {
namespace {

// Whether the elements may become symbols.
bool is_short(const Type& t) {
  if (!t.is_tensor() || (t.dtype != DType::kI64 && t.dtype != DType::kI32) || t.rank() > 1) {
    return false;
  }
  const std::optional<int64_t> count = t.elements().constant();
  return count && *count > 0 && *count <= kMostShapeElements;
}

class Teller {
 public:
  Teller(Graph& g, const Vec<Known>& known) : g_(g), known_(known) {}

  void look_at(NodeId starved) {
    const Values& operands = g_[starved].inputs;
    Vec<ValueId> open(operands.begin() + first_of_shape(g_[starved]), operands.end());
    while (!open.empty()) {
      const ValueId v = open.back();
      open.pop_back();
      if (is_known(v) || !is_short(g_[v].type) || !seen_.insert(v).second) continue;
      const Vec<ValueId> sources = unknown_sources(v);
      if (sources.empty()) told_.push_back(v);
      open.insert(open.end(), sources.begin(), sources.end());
    }
  }

  // Whether there was anything.
  Result<bool> tell() {
    for (const ValueId v : told_) RLX_TRY_VOID(tell(v));
    return !told_.empty();
  }

 private:
  bool is_known(ValueId v) const { return !v.valid() || known_elements(g_, v, known_).has_value(); }

  // What v would be known with; empty where it takes more.
  Vec<ValueId> unknown_sources(ValueId v) const {
    const Node* node = g_.node_of(v);
    Vec<ValueId> sources;
    if (!node || !node->regions.empty()) return sources;
    std::ranges::copy_if(node->inputs, std::back_inserter(sources),
                         [&](ValueId in) { return !is_known(in); });
    const bool all =
        std::ranges::all_of(sources, [&](ValueId in) { return is_short(g_[in].type); });
    return all ? sources : Vec<ValueId>();
  }

  // Whoever wants i32 goes on with that: inference knows the elements behind a cast.
  Status tell(ValueId v) {
    const RegionId region = region_of(v);
    const DType type = g_[v].type.dtype;
    Vec<NodeId> nodes = std::exchange(g_[region].nodes, {});
    GraphBuilder builder(g_, region, g_.origin_of(v));
    RLX_TRY(const ValueId wide, cast(builder, v, DType::kI64));
    RLX_TRY(const ValueId told, builder.add1(attrs(names_for(v)), {wide}));
    RLX_TRY(const ValueId last, cast(builder, told, type));
    const Vec<NodeId> added = std::exchange(g_[region].nodes, {});
    const bool is_made = g_[v].def.kind == ValueDef::Kind::kNode;
    const auto behind =
        is_made ? std::next(std::ranges::find(nodes, g_[v].def.node)) : nodes.begin();
    nodes.insert(behind, added.begin(), added.end());
    g_[region].nodes = std::move(nodes);
    g_.replace_uses({{v, last}});
    g_[added.front()].inputs[0] = v;
    return {};
  }

  static Result<ValueId> cast(GraphBuilder& builder, ValueId v, DType to) {
    if (builder.type(v).dtype == to) return v;
    return builder.add1(attrs(ops::Cast{.to = to}), {v});
  }

  ops::Tell names_for(ValueId v) {
    ops::Tell names;
    const int64_t count = g_[v].type.elements().constant().value();
    for (int64_t i = 0; i < count; ++i) {
      names.above.push_back(fresh_name());
      names.below.push_back(fresh_name());
    }
    return names;
  }

  RegionId region_of(ValueId v) const {
    const ValueDef& def = g_[v].def;
    if (def.kind == ValueDef::Kind::kArgument) return def.region;
    return g_.node_regions()[def.node.index];
  }

  // Taken at once: the node itself makes its symbols only when it is inferred.
  std::string fresh_name() {
    std::string name;
    do {
      name = "u" + std::to_string(next_++);
    } while (g_.find_symbol(name));
    return name;
  }

  Graph& g_;
  const Vec<Known>& known_;
  std::set<ValueId> seen_;
  Vec<ValueId> told_;
  size_t next_ = 0;
};

}  // namespace

Result<bool> tell_operands(Graph& g, const Vec<NodeId>& starved, const Vec<Known>& known) {
  Teller teller(g, known);
  for (const NodeId id : starved) teller.look_at(id);
  return teller.tell();
}

}  // namespace rlx
