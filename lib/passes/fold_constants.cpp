#include "passes/fold_constants.h"

#include <algorithm>
#include <span>

#include "kernel/builder.h"
#include "kernel/interpreter.h"
#include "op/shared/view.h"
#include "passes/walk.h"

namespace rlx {
namespace {

// Results up to this size are always worth it, above the second one only if no larger than the operands.
constexpr int64_t kSmallBytes = int64_t{64} << 10;
constexpr int64_t kMostBytes = int64_t{16} << 20;
// How many times its operands a result may take otherwise.
constexpr int64_t kMostGrowth = 16;
// Points that are interpreted for one node: about a second.
constexpr int64_t kMostPoints = int64_t{1} << 26;

std::optional<int64_t> bytes_of_type(const Type& t) {
  const std::optional<int64_t> elements = t.elements().constant();
  if (!t.is_tensor() || !elements || t.dtype == DType::kString) return std::nullopt;
  return *elements * size_of(t.dtype);
}

// The sum over values; nullopt where one has no size that is known.
std::optional<int64_t> bytes_of_values(const Graph& g, const Values& values) {
  int64_t sum = 0;
  for (ValueId v : values) {
    if (!v.valid()) continue;
    const std::optional<int64_t> bytes = bytes_of_type(g[v].type);
    if (!bytes) return std::nullopt;
    sum += *bytes;
  }
  return sum;
}

bool has_constant_inputs(const Graph& g, const Node& node) {
  return std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](ValueId v) { return !v.valid() || g.constant_of(v); });
}

bool is_worth_folding(const Graph& g, const Node& node) {
  const std::optional<int64_t> in = bytes_of_values(g, node.inputs);
  const std::optional<int64_t> out = bytes_of_values(g, node.outputs);
  if (!in || !out) return false;
  if (*out <= kSmallBytes) return true;
  if (node.op().view) return false;
  return *out <= *in || (*out <= kMostBytes && *out <= *in * kMostGrowth);
}

int64_t points_of(const Kernel& k) {
  auto count = [](const Vec<Loop>& loops) {
    int64_t points = 1;
    for (const Loop& l : loops) points *= l.extent.constant().value_or(kMostPoints);
    return points;
  };
  int64_t points = 0;
  for (const Stage& s : k.stages) points += count(k.grid) * count(s.loops);
  return points;
}

// Runs k over the bytes of its constants; gives the output values' bytes.
Result<std::map<ValueId, std::string>> run(const Graph& g, const Kernel& k) {
  std::map<ValueId, std::string> outputs;
  Vec<std::span<std::byte>> buffers;
  for (const Arg& arg : k.args) {
    if (arg.written) {
      std::string& bytes = outputs[arg.value];
      bytes.resize(static_cast<size_t>(buffer_bytes(arg, {})));
      buffers.push_back(std::as_writable_bytes(std::span(bytes)));
    } else {
      const Bytes bytes = g.constant_of(arg.value)->data.bytes();
      // The interpreter writes to `written` arguments only.
      buffers.emplace_back(const_cast<std::byte*>(bytes.data()), bytes.size());
    }
  }
  RLX_TRY_VOID(interpret(k, {}, buffers));
  return outputs;
}

Vec<int64_t> constant_shape(const Type& t) {
  Vec<int64_t> shape;
  for (const Dim& d : t.shape) shape.push_back(*d.constant());
  return shape;
}

// The same bytes under another shape.
Constant reshaped(const Graph& g, const Node& node) {
  Constant c = *g.constant_of(node.inputs[0]);
  c.shape = constant_shape(g[node.outputs[0]].type);
  return c;
}

using Replacement = std::map<ValueId, ValueId>;

Status fold(Graph& g, NodeId id, Replacement& replacement) {
  RLX_TRY(Kernel k, lower(g, id));
  if (points_of(k) > kMostPoints) return {};
  RLX_TRY(auto outputs, run(g, k));
  for (auto& [v, bytes] : outputs) {
    const Type type = g[v].type;
    const std::string name = g[v].name;
    Constant c = make_constant(type.dtype, constant_shape(type), std::move(bytes));
    replacement.emplace(v, g.add_constant(std::move(c), name));
  }
  return {};
}

Status visit(Graph& g, NodeId id, Replacement& replacement) {
  for (ValueId& v : g[id].inputs) {
    if (auto found = replacement.find(v); found != replacement.end()) v = found->second;
  }
  const Node& node = g[id];
  const bool foldable =
      node.op().effect == Effect::kPure && node.op().lower && node.regions.empty();
  if (!foldable || !has_constant_inputs(g, node)) return {};
  if (is_reshape(node.op()) && bytes_of_values(g, node.outputs)) {
    const ValueId out = node.outputs[0];
    replacement.emplace(out, g.add_constant(reshaped(g, node), g[out].name));
    return {};
  }
  return is_worth_folding(g, node) ? fold(g, id, replacement) : Status();
}

}  // namespace

Status fold_constants(Graph& g) {
  Replacement replacement;
  for (NodeId id : execution_order(g)) {
    RLX_TRY_VOID(visit(g, id, replacement));
  }
  g.replace_uses(replacement);
  return {};
}

}  // namespace rlx
