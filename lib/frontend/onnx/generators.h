// Operators that make tensors out of sizes: windows of signals and unit matrices.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// HannWindow, HammingWindow and BlackmanWindow.
Status convert_window(Call& call);
Status convert_eye_like(Call& call);

}  // namespace rlx::onnx
