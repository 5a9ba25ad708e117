#include "passes/push_tangents.h"

#include <algorithm>

#include <fmt/format.h>

#include "ir/hooks.h"
#include "passes/codes.h"

namespace rlx {
namespace {

class Pusher {
 public:
  explicit Pusher(Graph& g) : g_(g), builder_(g, Graph::kTop, {}) {}

  void set(ValueId v, ValueId tangent) { tangents_[v] = tangent; }

  // All nodes once more, in order, each followed by its tangent's.
  Status run() {
    const Vec<NodeId> nodes = std::exchange(g_.top().nodes, {});
    for (const NodeId id : nodes) {
      g_.top().nodes.push_back(id);
      RLX_TRY_VOID(follow(id));
    }
    return {};
  }

  Result<ValueId> of(ValueId output) {
    if (auto t = tangents_.find(output); t != tangents_.end()) return t->second;
    builder_.set_origin(g_.origin_of(output));
    return filled(builder_, output, 0);
  }

 private:
  ValueId tangent_of(ValueId v) const {
    const auto t = tangents_.find(v);
    return t == tangents_.end() ? ValueId() : t->second;
  }

  bool is_captured(const Node& n) const {
    return std::ranges::any_of(n.regions, [&](RegionId r) {
      return std::ranges::any_of(g_[r].captures, [&](ValueId v) { return tangents_.contains(v); });
    });
  }

  bool has_floats(const Node& n) const {
    return std::ranges::any_of(n.outputs, [&](ValueId v) {
      return !g_[v].type.is_tensor() || is_float(g_[v].type.dtype);
    });
  }

  Status follow(NodeId id) {
    const Node n = g_[id];
    JvpIn in{.node = id, .inputs = n.inputs, .outputs = n.outputs};
    bool any = is_captured(n);
    for (const ValueId v : n.inputs) {
      in.tangents.push_back(tangent_of(v));
      any = any || in.tangents.back().valid();
    }
    if (!any || !has_floats(n)) return {};
    if (!n.op().jvp || !n.regions.empty()) return no_way_through(g_, id, "directional derivative");
    builder_.set_origin(n.origin);
    RLX_TRY(const Values tangents, n.op().jvp(n.attrs.data(), builder_, in));
    RLX_CHECK(tangents.size() == n.outputs.size(), "a tangent for each output");
    for (size_t i = 0; i < tangents.size(); ++i) {
      const bool real = tangents[i].valid() && is_float(g_[n.outputs[i]].type.dtype);
      if (real) tangents_[n.outputs[i]] = tangents[i];
    }
    return {};
  }

  Graph& g_;
  GraphBuilder builder_;
  std::map<ValueId, ValueId> tangents_;
};

}  // namespace

Status push_tangents(Graph& g, const ByInputs& asked) {
  if (!asked.is_asked()) return {};
  RLX_TRY(const ValueId output, output_named(g, asked.name, "--jvp"));
  if (!g[output].type.is_tensor() || !is_float(g[output].type.dtype)) {
    return Error(kUnfitValue, fmt::format("--jvp: output \"{}\" is {}, which is not of floats",
                                          asked.name, to_text(g[output].type)));
  }
  RLX_TRY(const Values inputs, inputs_named(g, asked.inputs, kFloats, "--jvp"));
  Pusher pusher(g);
  for (const ValueId v : inputs) {
    const Type type = g[v].type;
    const std::string name = "tangent_" + g[v].name;
    pusher.set(v, g.add_input(type, name));
  }
  RLX_TRY_VOID(pusher.run());
  RLX_TRY(const ValueId tangent, pusher.of(output));
  set_outputs(g, {output, tangent}, {asked.name, "tangent_" + asked.name});
  keep_assumptions(g, "the tangent");
  return {};
}

}  // namespace rlx
