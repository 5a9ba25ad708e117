#include "passes/precision.h"

#include <algorithm>

#include "ir/builder.h"
#include "ir/index_sources.h"
#include "op/cast.h"
#include "op/conv.h"
#include "op/conv_transpose.h"
#include "op/gemm.h"
#include "op/matmul.h"
#include "op/transpose.h"

namespace rlx {
namespace {

bool is_product(const Node& n) {
  return as<ops::MatMul>(n) || as<ops::Gemm>(n) || as<ops::Conv>(n) || as<ops::ConvTranspose>(n);
}

constexpr std::pair<std::string_view, DType> kPrecisions[] = {
    {"f32", DType::kF32}, {"bf16", DType::kBF16}, {"f16", DType::kF16}};

// Products inside of regions stay as they are.
class Narrower {
 public:
  Narrower(Graph& g, DType type)
      : g_(g), type_(type), is_source_(index_sources(g)), is_multiplied_(g.values.size()) {}

  Status run() {
    const Vec<NodeId> nodes = std::exchange(g_.top().nodes, {});
    for (const NodeId id : nodes) {
      if (is_narrowed(g_[id])) mark(g_[id].inputs);
    }
    for (const NodeId id : nodes) RLX_TRY_VOID(visit(id));
    g_.replace_uses(replaced_);
    return {};
  }

 private:
  void mark(const Values& operands) {
    for (const ValueId v : operands) {
      if (v.valid()) is_multiplied_[v.index] = true;
    }
  }

  bool is_narrowed(const Node& n) const {
    return is_product(n) && g_[n.outputs[0]].type.dtype == DType::kF32 &&
           !is_source_[n.outputs[0].index];
  }

  // Whether it only says where elements are that are stored in 16 bits anyway.
  bool is_view_of_narrow(const Node& n) const {
    if (!as<ops::Transpose>(n) && !n.op().reshapes) return false;
    return wide_.contains(n.inputs[0]) && !is_source_[n.outputs[0].index];
  }

  Status visit(NodeId id) {
    if (is_narrowed(g_[id])) return narrow_product(id);
    if (is_view_of_narrow(g_[id])) return narrow_view(id);
    for (ValueId& v : g_[id].inputs) {
      if (const auto it = wide_.find(v); it != wide_.end()) v = it->second;
    }
    g_.top().nodes.push_back(id);
    // Copied: new nodes move the others.
    const Node node = g_[id];
    for (const ValueId v : node.outputs) {
      if (!v.valid() || !is_multiplied_[v.index] || is_source_[v.index]) continue;
      GraphBuilder builder(g_, Graph::kTop, node.origin);
      RLX_TRY(const ValueId narrow, narrowed(builder, v));
      RLX_TRY_VOID(widen(builder, v, narrow));
    }
    return {};
  }

  Status narrow_product(NodeId id) {
    const Node node = g_[id];
    GraphBuilder builder(g_, Graph::kTop, node.origin);
    Values inputs;
    for (const ValueId v : node.inputs) {
      RLX_TRY(const ValueId narrow, v.valid() ? narrowed(builder, v) : Result<ValueId>(v));
      inputs.push_back(narrow);
    }
    return replace(builder, node, std::move(inputs));
  }

  Status narrow_view(NodeId id) {
    const Node node = g_[id];
    GraphBuilder builder(g_, Graph::kTop, node.origin);
    Values inputs = node.inputs;
    inputs[0] = narrow_.at(inputs[0]);
    return replace(builder, node, std::move(inputs));
  }

  // By the same of narrow inputs.
  Status replace(GraphBuilder& builder, const Node& node, Values inputs) {
    RLX_TRY(const ValueId narrow, builder.add1(node.attrs, std::move(inputs)));
    const ValueId wide = node.outputs[0];
    RLX_TRY_VOID(widen(builder, wide, narrow));
    g_[wide_[wide]].name = g_[wide].name;
    replaced_.emplace(wide, wide_[wide]);
    return {};
  }

  // As it was made, or cast once.
  Result<ValueId> narrowed(GraphBuilder& builder, ValueId v) {
    if (const auto it = narrow_.find(v); it != narrow_.end()) return it->second;
    RLX_TRY(const ValueId narrow, builder.add1(attrs(ops::Cast{.to = type_}), {v}));
    narrow_.emplace(v, narrow);
    return narrow;
  }

  // From here on, who reads v in f32 reads that of what is stored.
  Status widen(GraphBuilder& builder, ValueId v, ValueId narrow) {
    RLX_TRY(const ValueId wide, builder.add1(attrs(ops::Cast{.to = DType::kF32}), {narrow}));
    narrow_.emplace(v, narrow);
    narrow_.emplace(wide, narrow);
    wide_.emplace(v, wide);
    return {};
  }

  Graph& g_;
  const DType type_;
  const Vec<bool> is_source_;
  // By value: whether a product that is narrowed reads it.
  Vec<bool> is_multiplied_;
  // What a value is in 16 bits, what it is in f32 again, and the latter of what nobody makes in f32 any more, whose
  // place they take as outputs too.
  std::map<ValueId, ValueId> narrow_, wide_, replaced_;
};

}  // namespace

Status store_products_in(Graph& g, DType type) {
  return type == DType::kF32 ? Status() : Narrower(g, type).run();
}

std::optional<DType> precision_named(std::string_view text) {
  for (const auto& [name, type] : kPrecisions) {
    if (name == text) return type;
  }
  return std::nullopt;
}

}  // namespace rlx
