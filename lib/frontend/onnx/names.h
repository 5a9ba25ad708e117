// Names of operators.
#pragma once
#include <string>
#include <string_view>

namespace rlx::onnx {

// rlx's name of an operator of ONNX: LayerNormalization is layer_normalization, GatherND gather_nd.
std::string rlx_name(std::string_view op_type);

}  // namespace rlx::onnx
