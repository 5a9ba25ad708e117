// What rlx-run --feed names: which outputs of a step are inputs of the next one.
#pragma once
#include "image/image.h"
#include "runtime/feedback.h"

namespace rlx::driver {

// "OUTPUT=INPUT", or a pattern for many: a "*" stands for the same text in both, "present_*=past_*". Each is found in the
// model: of a pattern at least one output, and the input of each output that fits it. Errors 2102, 5121.
Result<Vec<runtime::Feed>> feeds_of(const image::Image& image, const Vec<std::string>& texts);

}  // namespace rlx::driver
