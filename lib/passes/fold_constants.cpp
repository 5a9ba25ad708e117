#include "passes/fold_constants.h"

#include <algorithm>

#include "op/shared/view.h"
#include "passes/evaluate.h"
#include "passes/walk.h"

namespace rlx {
namespace {

// Results up to this size are always worth it, above the second one only if no larger than the
// operands.
constexpr int64_t kSmallBytes = int64_t{64} << 10;
constexpr int64_t kMostFoldedBytes = int64_t{16} << 20;
// How many times its operands a result may take otherwise.
constexpr int64_t kMostGrowth = 16;
// Points that are interpreted for one node: about a second.
constexpr double kMostPoints = 1 << 26;

std::optional<int64_t> bytes_of_type(const Type& t) {
  const std::optional<int64_t> elements = t.elements().constant();
  if (!t.is_tensor() || !elements || t.dtype == DType::kString) return std::nullopt;
  return bytes_of(t.dtype, *elements);
}

// The sum over values; nullopt where one has no size that is known.
std::optional<int64_t> bytes_of_values(const Graph& g, const Values& values) {
  int64_t sum = 0;
  for (const ValueId v : values) {
    if (!v.valid()) continue;
    const std::optional<int64_t> bytes = bytes_of_type(g[v].type);
    if (!bytes) return std::nullopt;
    sum += *bytes;
  }
  return sum;
}

// Weights of at most 8 bits would take so much more memory, and time to read, at each run; who uses them makes
// numbers of them while it reads (plan/compose.cpp).
bool widens_weights(const Graph& g, const Node& node) {
  const Type& out = g[node.outputs[0]].type;
  return is_float(out.dtype) && std::ranges::any_of(node.inputs, [&](ValueId v) {
           if (!v.valid() || !g[v].type.is_tensor()) return false;
           const Type& in = g[v].type;
           return is_integer(in.dtype) && bits_of(in.dtype) <= 8 && in.elements() == out.elements();
         });
}

bool is_worth_folding(const Graph& g, const Node& node) {
  const std::optional<int64_t> in = bytes_of_values(g, node.inputs);
  const std::optional<int64_t> out = bytes_of_values(g, node.outputs);
  if (!in || !out) return false;
  if (*out <= kSmallBytes) return true;
  if (node.op().view || widens_weights(g, node)) return false;
  return *out <= *in || (*out <= kMostFoldedBytes && *out <= *in * kMostGrowth);
}

// The same bytes under another shape.
Constant reshaped(const Graph& g, const Node& node) {
  Constant c = *g.constant_of(node.inputs[0]);
  c.shape = extents_of(g[node.outputs[0]].type);
  return c;
}

using Replacement = std::map<ValueId, ValueId>;

Status fold(Graph& g, NodeId id, Replacement& replacement) {
  RLX_TRY(auto constants, evaluate(g, id, kMostPoints));
  for (auto& [v, constant] : constants) {
    const std::string name = g[v].name;
    replacement.emplace(v, g.add_constant(std::move(constant), name));
  }
  return {};
}

Status visit(Graph& g, NodeId id, Replacement& replacement) {
  for (ValueId& v : g[id].inputs) {
    if (auto found = replacement.find(v); found != replacement.end()) v = found->second;
  }
  if (!is_computable(g, id)) return {};
  const Node& node = g[id];
  if (node.op().reshapes && bytes_of_values(g, node.outputs)) {
    const ValueId out = node.outputs[0];
    replacement.emplace(out, g.add_constant(reshaped(g, node), g[out].name));
    return {};
  }
  return is_worth_folding(g, node) ? fold(g, id, replacement) : Status();
}

}  // namespace

Status fold_constants(Graph& g) {
  Replacement replacement;
  for (const NodeId id : execution_order(g)) {
    RLX_TRY_VOID(visit(g, id, replacement));
  }
  g.replace_uses(replacement);
  return {};
}

}  // namespace rlx
