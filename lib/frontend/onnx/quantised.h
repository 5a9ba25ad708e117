// QLinearMatMul and QLinearConv: sums of products of bytes, scaled and rounded once to bytes.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// Gives the call's results.
Status convert_quantised_product(Call& call);

}  // namespace rlx::onnx
