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

// What the file says of a value that a node makes: extents that are no numbers above 0 are "?", since
// exporters write 0 and -1 for what they do not know. Unknown where it says too little.
Type declared_type(const TypeProto& type);

// "f32[batch, 3, ?]": what the file declares, for messages; empty where it declares nothing.
std::string declared_text(const TypeProto& type);

}  // namespace rlx::onnx
