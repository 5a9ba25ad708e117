// Operators that make tensors out of sizes: windows of signals, unit matrices and filters of pitches.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// HannWindow, HammingWindow and BlackmanWindow.
Status convert_window(Call& call);
Status convert_eye_like(Call& call);
Status convert_mel_weight_matrix(Call& call);

}  // namespace rlx::onnx
