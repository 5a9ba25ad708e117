#include "passes/fold_constants.h"

#include <algorithm>
#include <map>
#include <set>

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

// `kept`: others than kernels look at the result, for whom a view is computed.
bool is_worth_folding(const Graph& g, const Node& node, bool kept) {
  const std::optional<int64_t> in = bytes_of_values(g, node.inputs);
  const std::optional<int64_t> out = bytes_of_values(g, node.outputs);
  if (!in || !out) return false;
  if (*out <= kSmallBytes) return true;
  if ((node.op().view && !kept) || widens_weights(g, node)) return false;
  return *out <= *in || (*out <= kMostFoldedBytes && *out <= *in * kMostGrowth);
}

// The same bytes under another shape.
Constant reshaped(const Graph& g, const Node& node) {
  Constant c = *g.constant_of(node.inputs[0]);
  c.shape = extents_of(g[node.outputs[0]].type);
  return c;
}

class Folder {
 public:
  explicit Folder(Graph& g) : g_(g), kept_(kept_values(g)) {}

  Status run() {
    for (const NodeId id : execution_order(g_)) RLX_TRY_VOID(visit(id));
    g_.replace_uses(replacement_);
    return {};
  }

 private:
  Status visit(NodeId id) {
    for (ValueId& v : g_[id].inputs) {
      if (auto found = replacement_.find(v); found != replacement_.end()) v = found->second;
    }
    if (!is_repeatable(g_[id]) || !reads_constants(g_[id])) return {};
    const Node& node = g_[id];
    const bool reads_views = !is_computable(g_, id);
    if (!reads_views && node.op().reshapes && bytes_of_values(g_, node.outputs)) {
      const ValueId out = node.outputs[0];
      replacement_.emplace(out, g_.add_constant(reshaped(g_, node), g_[out].name));
      return {};
    }
    if (is_worth_folding(g_, node, kept_[node.outputs[0].index])) {
      return reads_views ? fold_over_views(id) : fold(id);
    }
    if (node.op().view || node.op().reshapes) {
      views_.insert(node.outputs.begin(), node.outputs.end());
    }
    return {};
  }

  // Or views of some.
  bool reads_constants(const Node& node) const {
    return std::ranges::all_of(node.inputs, [&](ValueId v) {
      return !v.valid() || g_.constant_of(v) || views_.contains(v);
    });
  }

  Status fold(NodeId id) {
    RLX_TRY(auto constants, evaluate(g_, id, kMostPoints));
    for (auto& [v, constant] : constants) {
      const std::string name = g_[v].name;
      replacement_.emplace(v, g_.add_constant(std::move(constant), name));
    }
    return {};
  }

  // Who else reads the views goes on reading them in place.
  Status fold_over_views(NodeId id) {
    const Values inputs = g_[id].inputs;
    RLX_TRY_VOID(make_inputs(id));
    const Status done = is_computable(g_, id) ? fold(id) : Status();
    g_[id].inputs = inputs;
    return done;
  }

  // Inputs that are views become constants, but those that would take too long.
  Status make_inputs(NodeId id) {
    for (ValueId& v : g_[id].inputs) {
      if (!v.valid() || g_.constant_of(v)) continue;
      RLX_TRY(v, made(v));
    }
    return {};
  }

  Result<ValueId> made(ValueId view) {
    const NodeId id = g_[view].def.node;
    const Values inputs = g_[id].inputs;
    RLX_TRY_VOID(make_inputs(id));
    std::map<ValueId, Constant> constants;
    if (is_computable(g_, id)) {
      RLX_TRY(constants, evaluate(g_, id, kMostPoints));
    }
    g_[id].inputs = inputs;
    auto found = constants.find(view);
    return found == constants.end() ? view : g_.add_constant(std::move(found->second));
  }

  Graph& g_;
  // By value that was there before.
  const Vec<bool> kept_;
  std::map<ValueId, ValueId> replacement_;
  // Views of constants, and of such views, that stay.
  std::set<ValueId> views_;
};

}  // namespace

Status fold_constants(Graph& g) { return Folder(g).run(); }

}  // namespace rlx
