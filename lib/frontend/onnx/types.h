// Types of the graph's inputs, and the symbols that their extents name.
//
// `dim_param` is read as an expression: a name that stands alone somewhere is a symbol whose value that
// axis gives, shared by all inputs that use it. Extents without a name, and expressions over names that
// no axis gives, become symbols of their own.
#pragma once
#include "frontend/onnx/proto.h"
#include "ir/graph.h"

namespace rlx::onnx {

// The types of all inputs, and g's symbols. An input with a problem has an unknown type.
Types input_types(const Vec<const ValueInfoProto*>& inputs, Graph& g, Vec<Diagnostic>& problems);

// "f32[batch, 3, ?]": what the file declares, for messages; empty where it declares nothing.
std::string declared_text(const TypeProto& type);

}  // namespace rlx::onnx
