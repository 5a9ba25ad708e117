// A node on its way into the graph: as the file has it, after modernize() in ONNX's newest form, and after convert() in
// that of rlx's own operators.
#pragma once
#include "frontend/onnx/tensor.h"

namespace rlx::onnx {

class Call {
 public:
  Call(Graph& graph, RegionId region, Tensors& tensors)
      : graph_(graph), region_(region), tensors_(tensors) {}

  // The operator in rlx's spelling, and in the file's.
  std::string op, op_type;
  // The node's own name, or one made of its first output.
  std::string node;
  int64_t opset = 0;
  Vec<AttributeProto> attributes;
  // An invalid id is an input left out; none stands at the end.
  Values inputs;
  // Empty: an output that nothing can use.
  Vec<std::string_view> outputs;
  // The outputs, where convert() made them without a node of this operator.
  std::optional<Values> results;

  const AttributeProto* find(std::string_view name) const;
  // Takes the attribute off the node.
  std::optional<AttributeProto> take(std::string_view name);
  void give(AttributeProto attribute) { attributes.push_back(std::move(attribute)); }
  bool has_input(size_t i) const { return i < inputs.size() && inputs[i].valid(); }
  void set_input(size_t i, ValueId v);
  bool has_output(size_t i) const { return i < outputs.size() && !outputs[i].empty(); }

  // Values beside the node, and nodes that stand for it.
  ValueId add_constant(Constant constant) { return graph_.add_constant(std::move(constant)); }
  ValueId add_integers(const Vec<int64_t>& elements) { return add_constant(make_i64(elements, 1)); }
  Result<Constant> read_tensor(const TensorProto& tensor) { return tensors_.constant(tensor); }
  ValueId add_node(std::string_view op, Values inputs);
  ValueId add_node(Attrs attrs, Values inputs);
  // A graph inside of a node to come, and a call that makes nodes there in this one's name; what it uses from outside
  // it captures.
  RegionId add_region() { return graph_.add_region(); }
  ValueId add_argument(RegionId r) { return graph_.add_argument(r, Type::unknown()); }
  Call inside(RegionId r) const;
  void capture(RegionId r, const Values& values);
  void give(RegionId r, Values results) { graph_[r].results = std::move(results); }
  Values add_node(Attrs attrs, Values inputs, RegionId owned, size_t outputs);
  Values add_node(Attrs attrs, Values inputs, size_t outputs);
  const Graph& graph() const { return graph_; }

  // An error at this node.
  Error error(int code, std::string message, std::string hint = {}) const;

 private:
  Graph& graph_;
  RegionId region_;
  Tensors& tensors_;
};

}  // namespace rlx::onnx
