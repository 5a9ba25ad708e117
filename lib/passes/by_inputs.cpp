#include "passes/by_inputs.h"

#include <algorithm>

#include <fmt/format.h>

#include "ir/infer_ctx.h"
#include "op/shared/formula.h"
#include "passes/codes.h"
#include "support/names.h"

namespace rlx {
namespace {

Vec<std::string> input_names(const Graph& g) {
  Vec<std::string> names;
  for (const ValueId v : g.inputs()) names.push_back(g[v].name);
  return names;
}

bool has_elements(const Graph& g, ValueId v, DTypes dtypes) {
  return g[v].type.is_tensor() && dtypes.has(g[v].type.dtype);
}

}  // namespace

std::optional<ByInputs> by_inputs(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return std::nullopt;
  ByInputs asked{.name = std::string(text.substr(0, colon))};
  for (size_t at = colon; at != std::string_view::npos;) {
    const size_t end = text.find(',', at + 1);
    const std::string_view name =
        text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    if (name.empty()) return std::nullopt;
    asked.inputs.emplace_back(name);
    at = end;
  }
  return asked;
}

Result<Values> inputs_named(const Graph& g, const Vec<std::string>& names, DTypes dtypes,
                            std::string_view flag) {
  Values found;
  for (const std::string& name : names) {
    const auto at = std::ranges::find_if(g.inputs(), [&](ValueId v) { return g[v].name == name; });
    if (at == g.inputs().end()) {
      return Error(kUnknownValue, fmt::format("{}: the model has no input \"{}\"", flag, name),
                   hint_for(name, input_names(g)));
    }
    if (!has_elements(g, *at, dtypes)) {
      return Error(kUnfitValue, fmt::format("{}: input \"{}\" is {}, which is not of floats", flag,
                                            name, to_text(g[*at].type)));
    }
    if (std::ranges::find(found, *at) != found.end()) {
      return Error(kUnfitValue, fmt::format("{}: input \"{}\" is given twice", flag, name));
    }
    found.push_back(*at);
  }
  return found;
}

Result<ValueId> output_named(const Graph& g, const std::string& name, std::string_view flag) {
  const auto at = std::ranges::find(g.output_names, name);
  if (at != g.output_names.end()) {
    return g.outputs()[static_cast<size_t>(at - g.output_names.begin())];
  }
  return Error(kUnknownValue, fmt::format("{}: the model has no output \"{}\"", flag, name),
               hint_for(name, g.output_names));
}

Error no_way_through(const Graph& g, NodeId node, std::string_view what) {
  return Error(diagnostic_of(g, node, kNoHook,
                             fmt::format("operator {} has no {}", g[node].op_name(), what)));
}

Vec<bool> depending_on(const Graph& g, const Values& sources, DTypes dtypes) {
  Vec<bool> depends(g.values.size());
  for (const ValueId v : sources) depends[v.index] = true;
  const auto is_one = [&](ValueId v) { return v.valid() && depends[v.index]; };
  for (const NodeId id : g.top().nodes) {
    const Node& n = g[id];
    bool any = std::ranges::any_of(n.inputs, is_one);
    for (const RegionId r : n.regions) any = any || std::ranges::any_of(g[r].captures, is_one);
    for (const ValueId v : n.outputs) depends[v.index] = any && has_elements(g, v, dtypes);
  }
  return depends;
}

void keep_assumptions(Graph& g, std::string_view made) {
  // bind_dims leaves facts of nodes that there are to inference.
  for (const RegionId r : g.live_regions()) {
    g[r].facts.change_each([&](Fact& f) { f.node = fmt::format("{} of {}", made, f.node); });
  }
}

Result<ValueId> filled(GraphBuilder& b, ValueId like, double number) {
  Formula f(b);
  const Type type = b.graph()[like].type;
  RLX_TRY(const Values made, f.values({f.full(type.dtype, type.shape, number)}));
  return made[0];
}

void set_outputs(Graph& g, Values values, Vec<std::string> names) {
  g.top().results = std::move(values);
  g.output_names = std::move(names);
}

}  // namespace rlx
