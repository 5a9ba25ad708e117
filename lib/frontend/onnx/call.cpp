#include "frontend/onnx/call.h"

#include <algorithm>

namespace rlx::onnx {
namespace {

template <class Attributes>
auto position(Attributes& attributes, std::string_view name) {
  return std::ranges::find(attributes, name, &AttributeProto::name);
}

}  // namespace

const AttributeProto* Call::find(std::string_view name) const {
  auto it = position(attributes, name);
  return it == attributes.end() ? nullptr : &*it;
}

std::optional<AttributeProto> Call::take(std::string_view name) {
  auto it = position(attributes, name);
  if (it == attributes.end()) return std::nullopt;
  AttributeProto taken = std::move(*it);
  attributes.erase(it);
  return taken;
}

void Call::set_input(size_t i, ValueId v) {
  inputs.resize(std::max(inputs.size(), i + 1));
  inputs[i] = v;
}

ValueId Call::add_node(std::string_view op, Values inputs) {
  const OpDef* def = find_op(op);
  RLX_CHECK(def, std::string(op));
  return add_node(Attrs(def), std::move(inputs));
}

ValueId Call::add_node(Attrs attrs, Values inputs) {
  const NodeId id =
      graph_.add_node(region_, std::move(attrs), std::move(inputs), {Type::unknown()}, {node});
  return graph_[id].outputs[0];
}

Call Call::inside(RegionId r) const {
  Call inner(graph_, r, tensors_);
  inner.op_type = op_type;
  inner.node = node;
  inner.opset = opset;
  return inner;
}

void Call::capture(RegionId r, const Values& values) {
  for (const ValueId v : values) {
    if (v.valid() && !graph_.constant_of(v)) graph_[r].captures.push_back(v);
  }
}

Values Call::add_node(Attrs attrs, Values inputs, RegionId owned, size_t outputs) {
  const NodeId id = graph_.add_node(region_, std::move(attrs), std::move(inputs),
                                    Types(outputs, Type::unknown()), {node});
  graph_[id].regions = {owned};
  return graph_[id].outputs;
}

Values Call::add_node(Attrs attrs, Values inputs, size_t outputs) {
  const NodeId id = graph_.add_node(region_, std::move(attrs), std::move(inputs),
                                    Types(outputs, Type::unknown()), {node});
  return graph_[id].outputs;
}

Error Call::error(int code, std::string message, std::string hint) const {
  return Error(Diagnostic{.code = code,
                          .message = std::move(message),
                          .node = node,
                          .op = op_type,
                          .opset = opset,
                          .hint = std::move(hint)});
}

}  // namespace rlx::onnx
