// The few operators whose form in the file is not the form of rlx's own: older operator sets, attributes
// that are tensors, operators that inference knows the answer of.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// Brings the call to ONNX's newest form; most are in it and stay as they are.
Status convert(Call& call);

}  // namespace rlx::onnx
