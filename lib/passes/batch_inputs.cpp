#include "passes/batch_inputs.h"

#include <algorithm>

#include <fmt/format.h>

#include "ir/hooks.h"
#include "passes/codes.h"
#include "passes/eliminate_dead.h"
#include "passes/replacement.h"

namespace rlx {
namespace {

class Batcher {
 public:
  Batcher(Graph& g, Dim extent) : g_(g), extent_(extent), builder_(g, Graph::kTop, {}) {}

  // The top region's nodes once more, in order, those anew that depend on a value with the axis.
  Status run(const Values& inputs) {
    for (const ValueId v : inputs) RLX_TRY_VOID(widen(v));
    const Vec<NodeId> nodes = std::exchange(g_.top().nodes, {});
    for (const NodeId id : nodes) {
      if (depends(g_[id])) {
        RLX_TRY_VOID(make_anew(id));
      } else {
        g_.top().nodes.push_back(id);
      }
    }
    for (ValueId& v : g_.top().results) v = now(v);
    return {};
  }

 private:
  bool has_axis(ValueId v) const { return v.valid() && replacement_.contains(v); }
  ValueId now(ValueId v) const { return has_axis(v) ? replacement_.at(v) : v; }

  bool depends(const Node& n) const {
    const auto has = [&](ValueId v) { return has_axis(v); };
    return std::ranges::any_of(n.inputs, has) || std::ranges::any_of(n.regions, [&](RegionId r) {
             return std::ranges::any_of(g_[r].captures, has);
           });
  }

  // Another input in its place: what reads the old one still tells the types without the axis.
  Status widen(ValueId input) {
    const Value old = g_[input];
    const auto place = static_cast<int>(old.def.index);
    for (const Symbol& s : g_.symbols) {
      if (s.input != place || s.element < 0) continue;
      return Error(kUnfitValue,
                   fmt::format("--batch: elements of input \"{}\" are extents", old.name),
                   "an extent is one for all indexes of an axis");
    }
    g_.symbols.change_each([&](Symbol& s) { s.axis += s.input == place ? 1 : 0; });
    if (const auto name = extent_.as_symbol(); name && !g_.find_symbol(*name)) {
      Symbol& s = g_.symbol(name->text());
      s.input = place;
      s.axis = 0;
    }
    Vec<Dim> shape = old.type.shape;
    shape.insert(shape.begin(), extent_);
    const ValueId wide = g_.add_input(Type::tensor(old.type.dtype, std::move(shape)), old.name);
    g_.top().arguments.pop_back();
    g_.top().arguments[old.def.index] = wide;
    g_[wide].def.index = old.def.index;
    replacement_.emplace(input, wide);
    return {};
  }

  Status make_anew(NodeId id) {
    const Node n = g_[id];
    if (!n.op().batch || !n.regions.empty()) {
      return no_way_through(g_, id, "form over one axis more");
    }
    BatchIn in{.node = id, .extent = extent_};
    for (const ValueId v : n.inputs) {
      in.inputs.push_back(now(v));
      in.batched.push_back(has_axis(v));
    }
    builder_.set_origin(n.origin);
    RLX_TRY(const Values outputs, n.op().batch(n.attrs.data(), builder_, in));
    RLX_CHECK(outputs.size() == n.outputs.size(), "an output for each output");
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (g_[outputs[i]].name.empty()) g_[outputs[i]].name = g_[n.outputs[i]].name;
      replacement_.emplace(n.outputs[i], outputs[i]);
    }
    return {};
  }

  Graph& g_;
  const Dim extent_;
  GraphBuilder builder_;
  // What values with the axis are now.
  Replacement replacement_;
};

Result<Dim> extent_named(const Graph& g, const std::string& name) {
  RLX_TRY(Dim extent, parse_dim(name));
  const bool is_new = extent.as_symbol() && !g.find_symbol(*extent.as_symbol());
  if (is_new || extent.constant().value_or(-1) >= 0) return extent;
  return Error(kUnfitValue, fmt::format("--batch: \"{}\" is no new dim and no number", name),
               "choose a name that the model does not have");
}

}  // namespace

Status batch_inputs(Graph& g, const ByInputs& asked) {
  if (!asked.is_asked()) return {};
  // What inference solved, the shape of a value, has no form over one axis more, and needs none.
  RLX_TRY_VOID(eliminate_dead(g));
  RLX_TRY(const Dim extent, extent_named(g, asked.name));
  RLX_TRY(const Values inputs, inputs_named(g, asked.inputs, kAnyDType, "--batch"));
  RLX_TRY_VOID(Batcher(g, extent).run(inputs));
  keep_assumptions(g, "the batch");
  return {};
}

}  // namespace rlx
