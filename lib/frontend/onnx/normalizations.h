// Normalizations as rows of a layer normalization, or as the formulas that ONNX gives for them.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

Status convert_instance_normalization(Call& call);
Status convert_group_normalization(Call& call);
Status convert_mean_variance_normalization(Call& call);
Status convert_lrn(Call& call);

// x / sqrt(mean(x^2) + epsilon) * scale with rows along the last axis, computed in f32. Also the factor of each row.
struct RmsNormalized {
  ValueId y, factor;
};
RmsNormalized rms_normalized(Call& call, ValueId x, ValueId scale, float epsilon);

}  // namespace rlx::onnx
