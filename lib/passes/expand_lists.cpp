#include "passes/expand_lists.h"

#include <algorithm>

#include "op/if.h"
#include "op/loop.h"
#include "op/sequences.h"
#include "passes/copy_region.h"

namespace rlx {
namespace {

bool is_free(const Graph& g, ValueId v) {
  const ValueDef::Kind kind = g[v].def.kind;
  return kind == ValueDef::Kind::kConstant || kind == ValueDef::Kind::kDims;
}

ValueId fresh_value(Graph& g) {
  g.values.emplace_back();
  return ValueId(g.values.size() - 1);
}

// v becomes the node's last output.
void add_output(Graph& g, NodeId id, ValueId v) {
  const auto index = static_cast<uint32_t>(g[id].outputs.size());
  g[v].def = {.kind = ValueDef::Kind::kNode, .node = id, .index = index};
  g[id].outputs.push_back(v);
}

void add_argument(Graph& g, RegionId r, ValueId v) {
  const auto index = static_cast<uint32_t>(g[r].arguments.size());
  g[v].def = {.kind = ValueDef::Kind::kArgument, .region = r, .index = index};
  g[r].arguments.push_back(v);
}

ValueId truth(Graph& g) { return g.add_constant(make_constant(DType::kBool, {}, "\1")); }

std::string unused(const Vec<std::string>& names, std::string name) {
  while (std::ranges::find(names, name) != names.end()) name += "_";
  return name;
}

}  // namespace

// ---- Lists ------------------------------------------------------------------------------------

void ListExpansion::add(ValueId v, ListResult list) {
  Type type{.kind = list.kind};
  type.element.push_back(list.values.empty() ? Type::unknown()
                                             : g_[resolved(replacement_, list.values[0])].type);
  g_[v].type = std::move(type);
  lists_[v] = std::move(list.values);
}

ListResult ListExpansion::result_of(ValueId v) const {
  if (!has(v)) return ListResult::one(v);
  return {list(v), g_[resolved(replacement_, v)].type.kind};
}

Values ListExpansion::tensors(const Values& values) const {
  Values out;
  for (const ValueId v : values) {
    if (!has(v)) {
      out.push_back(resolved(replacement_, v));
      continue;
    }
    const Values inner = tensors(list(v));
    out.insert(out.end(), inner.begin(), inner.end());
  }
  return out;
}

bool ListExpansion::are_alike(ValueId a, ValueId b) const {
  if (!has(a) || !has(b)) return has(a) == has(b);
  const Values &x = list(a), &y = list(b);
  if (result_of(a).kind != result_of(b).kind) return false;
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [&](ValueId i, ValueId j) { return are_alike(i, j); });
}

template <class Make>
void ListExpansion::add_like(ValueId v, ValueId other, const Make& make) {
  Values elements;
  for (const ValueId e : Values(list(other))) {
    const ValueId copy = fresh_value(g_);
    elements.push_back(copy);
    if (has(e)) {
      add_like(copy, e, make);
    } else {
      make(copy);
    }
  }
  add(v, {std::move(elements), result_of(other).kind});
}

// ---- Nodes ------------------------------------------------------------------------------------

Result<Vec<ListResult>> ListExpansion::outputs_of(RegionId region, NodeId id,
                                                  const Vec<Known>& known) {
  if (as<ops::SequenceMap>(g_[id])) return map_over(region, id, known);
  const Node& node = g_[id];
  if (node.op_name() == "identity") return Vec<ListResult>{result_of(node.inputs[0])};
  ListCtx context(g_, region, id, lists_, known);
  // The attributes stay where they are when nodes are added.
  RLX_TRY(ListResult output, node.op().on_lists(node.attrs.data(), context));
  // A value that is a list is one.
  if (!output.is_list()) output = result_of(output.values[0]);
  return Vec<ListResult>{std::move(output)};
}

Result<Vec<ListResult>> ListExpansion::map_over(RegionId region, NodeId id,
                                                const Vec<Known>& known) {
  // Copied: new nodes move the others.
  const Node node = g_[id];
  const RegionId body = node.regions[0];
  const ListCtx context(g_, region, id, lists_, known);
  RLX_TRY(const Values first, context.list(0));
  const Values arguments = g_[body].arguments;
  if (arguments.size() != node.inputs.size() || g_[body].results.size() < node.outputs.size()) {
    return context.error(kBadInput, "the body takes or gives other values than the node");
  }
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    if (!has(node.inputs[i]) || list(node.inputs[i]).size() == first.size()) continue;
    return context.error(kBadInput, "the sequences have different lengths");
  }
  Vec<ListResult> outputs(node.outputs.size());
  for (size_t at = 0; at < first.size(); ++at) {
    Replacement values;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const ValueId v = node.inputs[i];
      values[arguments[i]] = has(v) ? list(v)[at] : v;
    }
    const Values results = run_once(body, std::move(values), region);
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].values.push_back(results[i]);
  }
  return outputs;
}

Values ListExpansion::run_once(RegionId body, Replacement values, RegionId to) {
  copy_nodes(g_, body, to, values);
  Values results;
  for (const ValueId v : g_[body].results) results.push_back(resolved(values, v));
  return results;
}

// ---- Regions ----------------------------------------------------------------------------------

void ListExpansion::expand_operands(NodeId id) {
  if (is_empty()) return;
  for (const RegionId r : Vec<RegionId>(g_[id].regions)) expand_captures(r);
  if (as<ops::Loop>(g_[id])) expand_loop(id);
}

void ListExpansion::expand_captures(RegionId r) {
  Values captures = tensors(g_[r].captures);
  std::erase_if(captures, [&](ValueId v) { return is_free(g_, v); });
  std::ranges::sort(captures);
  captures.erase(std::unique(captures.begin(), captures.end()), captures.end());
  g_[r].captures = std::move(captures);
}

void ListExpansion::expand_loop(NodeId id) {
  const Values inputs = g_[id].inputs;
  const RegionId body = g_[id].regions[0];
  const Values arguments = g_[body].arguments;
  const auto is_list = [&](ValueId v) { return has(v); };
  if (std::ranges::none_of(inputs, is_list) || arguments.size() != inputs.size()) return;
  const RegionId copy = copy_region(g_, body);
  loops_[id] = {.body = copy, .inputs = inputs, .arguments = arguments};
  g_[id].inputs = tensors(inputs);
  g_[body].arguments.clear();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (has(inputs[i])) {
      add_like(arguments[i], inputs[i], [&](ValueId v) { add_argument(g_, body, v); });
    } else {
      add_argument(g_, body, arguments[i]);
    }
  }
}

bool ListExpansion::expand_results(NodeId id) {
  // Copied: new values move the others.
  const Vec<RegionId> regions = g_[id].regions;
  const auto loop = loops_.find(id);
  const bool is_loop = loop != loops_.end();
  if (!is_loop && !as<ops::If>(g_[id])) return true;
  // What a list of each output has to be like.
  const ptrdiff_t skipped = is_loop ? 1 : 0;
  const Values& given = g_[regions[0]].results;
  const Values results(given.begin() + std::min(skipped, std::ssize(given)), given.end());
  Values others = is_loop ? loop->second.arguments : g_[regions[1]].results;
  if (is_loop) others.erase(others.begin(), others.begin() + 2);
  const size_t outputs = g_[id].outputs.size();
  if (results.size() != outputs || others.size() > outputs) return true;
  for (size_t i = 0; i < others.size(); ++i) {
    if (!are_alike(results[i], others[i])) return false;
  }
  for (const RegionId r : regions) g_[r].results = tensors(g_[r].results);
  expand_outputs_of(id, results);
  return true;
}

void ListExpansion::expand_outputs_of(NodeId id, const Values& results) {
  const Values outputs = std::exchange(g_[id].outputs, {});
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (has(results[i])) {
      add_like(outputs[i], results[i], [&](ValueId v) { add_output(g_, id, v); });
    } else {
      add_output(g_, id, outputs[i]);
    }
  }
}

// ---- Trips ------------------------------------------------------------------------------------

Values ListExpansion::unroll(NodeId loop, RegionId to, int64_t trips) {
  const OpenLoop open = loops_.at(loop);
  const Origin origin = g_[loop].origin;
  const Values arguments = g_[open.body].arguments;
  Values carried(open.inputs.begin() + 2, open.inputs.end());
  Vec<Values> slices(g_[loop].outputs.size() - carried.size());
  for (int64_t trip = 0; trip < trips; ++trip) {
    Replacement values{{arguments[0], g_.add_constant(make_i64({trip}, 0))},
                       {arguments[1], truth(g_)}};
    for (size_t i = 0; i < carried.size(); ++i) values[arguments[2 + i]] = carried[i];
    const Values results = run_once(open.body, std::move(values), to);
    for (size_t i = 0; i < carried.size(); ++i) carried[i] = results[1 + i];
    for (size_t i = 0; i < slices.size(); ++i) {
      slices[i].push_back(results[1 + carried.size() + i]);
    }
  }
  for (const Values& s : slices) carried.push_back(stacked(s, to, origin));
  return carried;
}

ValueId ListExpansion::stacked(const Values& slices, RegionId to, const Origin& origin) {
  const auto add = [&](Attrs attrs, Values inputs) {
    const NodeId id =
        g_.add_node(to, std::move(attrs), std::move(inputs), {Type::unknown()}, origin);
    return g_[id].outputs[0];
  };
  const ValueId axes = g_.add_constant(make_i64({0}, 1));
  Values rows;
  for (const ValueId v : slices) rows.push_back(add(attrs(ops::Unsqueeze{}), {v, axes}));
  return add(attrs(ops::Concat{.axis = 0}), std::move(rows));
}

// ---- Outputs ----------------------------------------------------------------------------------

void ListExpansion::expand_outputs() {
  if (is_empty()) return;
  const Values outputs = std::exchange(g_.top().results, {});
  Vec<std::string> names = std::exchange(g_.output_names, {});
  const Vec<std::string> taken = names;
  // What is still to be written, the last one first.
  Vec<std::pair<ValueId, std::string>> left;
  for (size_t i = outputs.size(); i-- > 0;) left.emplace_back(outputs[i], std::move(names[i]));
  while (!left.empty()) {
    const auto [v, name] = std::move(left.back());
    left.pop_back();
    if (!has(v)) {
      g_.top().results.push_back(resolved(replacement_, v));
      g_.output_names.push_back(name);
      continue;
    }
    const Values elements = list(v);
    for (size_t i = elements.size(); i-- > 0;) {
      left.emplace_back(elements[i], unused(taken, name + "." + std::to_string(i)));
    }
  }
}

}  // namespace rlx
