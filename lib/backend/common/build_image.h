// Puts an image together: the plan's buffers and groups, and the backend's code.
#pragma once
#include "backend/common/code.h"
#include "lir/lir.h"

namespace rlx {

// `kernels`: one an item of the LIR; `code`: of those with stages.
Result<image::Image> build_image(const Lir& lir, const Vec<PlannedKernel>& kernels, Code code);

}  // namespace rlx
