// What ONNX Runtime's optimiser writes in place of several operators: those again.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

Status convert_fused_conv(Call& call);
Status convert_fused_gemm(Call& call);
Status convert_fused_matmul(Call& call);
Status convert_gelu(Call& call);
Status convert_fast_gelu(Call& call);
Status convert_quick_gelu(Call& call);
// ONNX's own since operator set 24.
Status convert_swish(Call& call);
Status convert_simplified_normalization(Call& call);
Status convert_skip_normalization(Call& call);
Status convert_skip_simplified_normalization(Call& call);

}  // namespace rlx::onnx
