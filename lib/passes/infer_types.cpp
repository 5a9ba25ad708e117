#include "passes/infer_types.h"

#include <algorithm>

#include "ir/infer_ctx.h"
#include "kernel/storage.h"
#include "passes/codes.h"
#include "passes/walk.h"

namespace rlx {
namespace {

// Inputs of a kind or element type that the operator is not written for; nullopt: none.
std::optional<Diagnostic> fault_of(const Graph& g, NodeId id) {
  const Node& node = g[id];
  for (size_t i = 0; i < node.inputs.size(); i++) {
    const ValueId v = node.inputs[i];
    if (!v.valid() || g[v].type.kind == Type::Kind::kUnknown) continue;
    const Type& type = g[v].type;
    const std::string input = "input " + std::to_string(i);
    if (!type.is_tensor()) {
      return diagnostic_of(g, id, kUnsupportedInput, input + " is no tensor");
    }
    const bool supported = i == 0 ? node.op().dtypes.has(type.dtype) : type.dtype != DType::kString;
    if (supported) continue;
    return diagnostic_of(g, id, kUnsupportedInput,
                         "elements of type " + std::string(name(type.dtype)) + " in " + input +
                             " are not supported");
  }
  return std::nullopt;
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
