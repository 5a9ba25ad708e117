// Normalizations as rows of a layer normalization, or as the formulas that ONNX gives for them.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

Status convert_instance_normalization(Call& call);
// By the statistics of the input, which move those given.
Status convert_batch_normalization_in_training(Call& call);
Status convert_group_normalization(Call& call);
Status convert_mean_variance_normalization(Call& call);
Status convert_lrn(Call& call);
Status convert_lp_normalization(Call& call);

}  // namespace rlx::onnx
