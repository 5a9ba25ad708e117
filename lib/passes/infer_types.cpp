#include "passes/infer_types.h"

#include <algorithm>

#include "ir/infer_ctx.h"
#include "kernel/storage.h"
#include "passes/codes.h"
#include "passes/walk.h"

namespace rlx {
namespace {

// What is wrong with the node whatever its shapes are; nullopt: nothing, or its first input is unknown.
std::optional<Diagnostic> fault_of(const Graph& g, NodeId id) {
  const Node& node = g[id];
  const Arity& arity = node.op().arity;
  const int inputs = static_cast<int>(node.inputs.size());
  const bool too_many = !arity.variadic && inputs > arity.in + arity.optional;
  if (inputs < arity.in || too_many) {
    return diagnostic_of(g, id, kBadSignature,
                         "the operator does not take " + std::to_string(inputs) + " inputs");
  }
  for (size_t i = 0; i < node.inputs.size(); i++) {
    const ValueId v = node.inputs[i];
    const bool required = i < static_cast<size_t>(arity.in);
    if (!v.valid() && required) {
      return diagnostic_of(g, id, kBadSignature, "input " + std::to_string(i) + " is left out");
    }
    if (!v.valid() || g[v].type.kind == Type::Kind::kUnknown) continue;
    if (!g[v].type.is_tensor()) {
      return diagnostic_of(g, id, kUnsupportedInput,
                           "input " + std::to_string(i) + " is no tensor");
    }
  }
  if (node.inputs.empty() || g[node.inputs[0]].type.kind == Type::Kind::kUnknown)
    return std::nullopt;
  const DType type = g[node.inputs[0]].type.dtype;
  if (node.op().dtypes.has(type)) return std::nullopt;
  return diagnostic_of(g, id, kUnsupportedInput,
                       "elements of type " + std::string(name(type)) + " are not supported");
}

void infer(Graph& g, NodeId id, Vec<Known>& known, Vec<Diagnostic>& problems) {
  std::optional<Diagnostic> fault = fault_of(g, id);
  if (!fault) return infer_node(g, id, known, problems);
  problems.push_back(*std::move(fault));
  for (ValueId v : g[id].outputs) g[v].type = Type::unknown();
}

// A constant or Dims value with these elements; invalid where the type has neither form.
ValueId solved_value(Graph& g, const Type& type, const Vec<Dim>& elements) {
  const bool constant = std::all_of(elements.begin(), elements.end(),
                                    [](const Dim& d) { return d.constant().has_value(); });
  if (!constant) {
    return type.dtype == DType::kI64 ? g.add_dims(elements, type.rank()) : ValueId();
  }
  std::string bytes(elements.size() * static_cast<size_t>(size_of(type.dtype)), '\0');
  auto* at = reinterpret_cast<std::byte*>(bytes.data());
  for (const Dim& d : elements) {
    to_bytes(Scalar::of_int(type.dtype, *d.constant()), at);
    at += size_of(type.dtype);
  }
  Vec<int64_t> shape;
  if (type.rank() == 1) shape.push_back(static_cast<int64_t>(elements.size()));
  return g.add_constant(make_constant(type.dtype, std::move(shape), std::move(bytes)));
}

void replace_solved(Graph& g, const Vec<Known>& known) {
  std::map<ValueId, ValueId> replacement;
  for (size_t i = 0; i < known.size(); i++) {
    const ValueId v(i);
    if (!known[i] || g[v].def.kind != ValueDef::Kind::kNode) continue;
    // Copied: a new value may move the others.
    const Type type = g[v].type;
    const ValueId solved = solved_value(g, type, *known[i]);
    if (solved.valid()) replacement.emplace(v, solved);
  }
  g.replace_uses(replacement);
}

}  // namespace

Status infer_types(Graph& g) {
  Vec<Known> known;
  Vec<Diagnostic> problems;
  for (NodeId id : execution_order(g)) infer(g, id, known, problems);
  if (!problems.empty()) return Error(std::move(problems));
  replace_solved(g, known);
  return {};
}

}  // namespace rlx
