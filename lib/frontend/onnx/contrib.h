// Operators of com.microsoft, as exporters of quantised language models and ONNX Runtime's optimiser write them: made of
// those that rlx has.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// Gives the call's results; false where there is no such operator here.
Result<bool> convert_contrib(Call& call);

}  // namespace rlx::onnx
