// LSTM, GRU and RNN as loops over time: the products with the inputs stand before the loop, those with the state in it.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// Gives the call's results.
Status convert_recurrent(Call& call);

}  // namespace rlx::onnx
