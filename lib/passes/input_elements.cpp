#include "passes/input_elements.h"

#include <algorithm>
#include <set>

namespace rlx {
namespace {

bool is_named(const Graph& g, int input) {
  return std::any_of(g.symbols.begin(), g.symbols.end(),
                     [&](const Symbol& s) { return s.input == input && s.element >= 0; });
}

// The number of elements where the input's may be known.
std::optional<int64_t> short_vector(const Type& t) {
  if (!t.is_tensor() || t.dtype != DType::kI64 || t.rank() > 1) return std::nullopt;
  const std::optional<int64_t> count = t.elements().constant();
  return count && *count > 0 && *count <= kMostShapeElements ? count : std::nullopt;
}

// The inputs that operands of nodes are computed from, by way of scalars and vectors.
std::set<int> sources_of(const Graph& g, const Vec<NodeId>& nodes, const Vec<Known>& known) {
  std::map<ValueId, int> numbers;
  for (size_t i = 0; i < g.inputs().size(); ++i) {
    numbers.emplace(g.inputs()[i], static_cast<int>(i));
  }
  std::set<int> sources;
  std::set<ValueId> seen;
  Vec<ValueId> left;
  for (const NodeId id : nodes) {
    const Values& operands = g[id].inputs;
    left.insert(left.end(), operands.begin() + first_of_shape(g[id]), operands.end());
  }
  while (!left.empty()) {
    const ValueId v = left.back();
    left.pop_back();
    if (!v.valid() || known_elements(g, v, known) || !seen.insert(v).second) continue;
    if (auto input = numbers.find(v); input != numbers.end() && short_vector(g[v].type)) {
      sources.insert(input->second);
    }
    const Node* node = g.node_of(v);
    if (!node || g[v].type.rank() > 1) continue;
    left.insert(left.end(), node->inputs.begin(), node->inputs.end());
  }
  return sources;
}

std::string fresh_name(const Graph& g, std::string name) {
  while (g.find_symbol(name)) name += "_";
  return name;
}

void name_elements_of(Graph& g, int input) {
  const Value& value = g[g.inputs()[static_cast<size_t>(input)]];
  const int64_t count = *short_vector(value.type);
  for (int element = 0; element < count; ++element) {
    const std::string name = value.name + "." + std::to_string(element);
    for (const int sign : {1, -1}) {
      g.symbols.push_back({.name = fresh_name(g, (sign < 0 ? "-" : "") + name),
                           .input = input,
                           .element = element,
                           .sign = sign,
                           .max = INT64_MAX});
    }
  }
}

}  // namespace

int64_t first_of_shape(const Node& n) {
  return n.op_name() == "range" || n.op_name() == "constant_of_shape" ? 0 : 1;
}

void name_element(Graph& g, std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || g.find_symbol(name)) return;
  const auto input =
      std::ranges::find_if(g.inputs(), [&](ValueId v) { return g[v].name == name.substr(0, dot); });
  if (input == g.inputs().end() || !short_vector(g[*input].type)) return;
  const auto number = static_cast<int>(input - g.inputs().begin());
  if (!is_named(g, number)) name_elements_of(g, number);
}

std::map<ValueId, Vec<Dim>> named_inputs(const Graph& g) {
  std::map<ValueId, Vec<Dim>> named;
  for (const Symbol& s : g.symbols) {
    if (s.element < 0) continue;
    const ValueId input = g.inputs()[static_cast<size_t>(s.input)];
    Vec<Dim>& elements = named[input];
    elements.resize(static_cast<size_t>(short_vector(g[input].type).value_or(0)));
    // A value that was bound is the only one of its range.
    const Dim part = s.min == s.max ? Dim(s.min) : Dim::symbol(s.name);
    Dim& element = elements[static_cast<size_t>(s.element)];
    element = element + part * s.sign;
  }
  return named;
}

bool name_elements(Graph& g, const Vec<NodeId>& starved, const Vec<Known>& known) {
  bool any = false;
  for (const int input : sources_of(g, starved, known)) {
    if (is_named(g, input)) continue;
    name_elements_of(g, input);
    any = true;
  }
  return any;
}

}  // namespace rlx
