#include "passes/evaluate.h"

#include <algorithm>
#include <span>

#include "kernel/builder.h"
#include "kernel/interpreter.h"
#include "support/ending.h"

namespace rlx {
namespace {

double points_of(const Vec<Loop>& loops) {
  double points = 1;
  for (const Loop& l : loops) points *= static_cast<double>(l.extent.constant().value());
  return points;
}

double points_of(const Kernel& k) {
  double points = 0;
  for (const Stage& s : k.stages) points += points_of(k.grid) * points_of(s.loops);
  return points;
}

bool has_symbols(const Graph& g, const Values& values) {
  return std::any_of(values.begin(), values.end(),
                     [&](ValueId v) { return !g[v].type.elements().constant(); });
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

}  // namespace

bool is_repeatable(const Node& node) {
  return node.op().effect == Effect::kPure && node.op().lower && node.regions.empty();
}

bool is_computable(const Graph& g, NodeId id) {
  const Node& node = g[id];
  return is_repeatable(node) && std::ranges::all_of(node.inputs, [&](ValueId v) {
           return !v.valid() || g.constant_of(v);
         });
}

Result<std::map<ValueId, Constant>> evaluate(const Graph& g, NodeId id, double most_points) {
  const AtHand here("fold", g[id].origin);
  std::map<ValueId, Constant> constants;
  if (has_symbols(g, g[id].outputs)) return constants;
  RLX_TRY(const Kernel k, lower(g, id));
  if (points_of(k) > most_points) return constants;
  RLX_TRY(auto outputs, run(g, k));
  for (auto& [v, bytes] : outputs) {
    const Type& type = g[v].type;
    constants.emplace(v, make_constant(type.dtype, extents_of(type), std::move(bytes)));
  }
  return constants;
}

Vec<int64_t> extents_of(const Type& t) {
  Vec<int64_t> shape;
  for (const Dim& d : t.shape) shape.push_back(d.constant().value());
  return shape;
}

}  // namespace rlx
