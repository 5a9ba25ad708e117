// The order in which a graph's nodes can run.
#pragma once
#include "frontend/onnx/proto.h"

namespace rlx::onnx {

// Indexes of g's nodes, each after those whose outputs it uses, else in the file's order; an error that
// names the nodes of a cycle. Names that nothing in g defines are not its concern.
Result<Vec<size_t>> execution_order(const GraphProto& g);

// "OpType_<first output>" where the file gives no name.
std::string name_of(const NodeProto& n);

}  // namespace rlx::onnx
