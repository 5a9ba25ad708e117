// The few operators whose newest form is not that of rlx's own: attributes that are tensors, operators that inference
// knows the answer of, and those that others make up.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// From ONNX's newest form to rlx's own; most are in it and stay as they are.
Status convert(Call& call);

}  // namespace rlx::onnx
