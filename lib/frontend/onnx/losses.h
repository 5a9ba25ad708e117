// Losses of classification, as logarithms of likelihoods gathered at the labels.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

Status convert_nll_loss(Call& call);
Status convert_softmax_cross_entropy(Call& call);

}  // namespace rlx::onnx
