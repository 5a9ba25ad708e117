// The functions that a model brings along: a node that names one stands for the nodes of its body.
#pragma once
#include <map>
#include <tuple>

#include "frontend/onnx/call.h"

namespace rlx::onnx {

class Functions {
 public:
  // Views the model's functions; an error where two of them have one name.
  static Result<Functions> of(const Vec<FunctionProto>& functions);

  // nullptr where the node names none.
  const FunctionProto* find(const NodeProto& n) const;

 private:
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, const FunctionProto*>
      functions_;
};

// The body for one call: attributes that refer to the function's are the call's or their defaults, and what the call
// leaves out of the inputs is left out of the nodes.
Result<GraphProto> body_of(const FunctionProto& f, const Call& call);

// Nodes of a graph, with those of the graphs inside.
size_t count_nodes(const GraphProto& g);

}  // namespace rlx::onnx
