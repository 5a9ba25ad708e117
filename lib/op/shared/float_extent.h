// Floats of a model that say an extent: NaN, negative ones and those that no memory holds are the model's fault, and no
// conversion to an integer is defined for them.
#pragma once
#include <fmt/format.h>

#include "ir/infer_ctx.h"
#include "op/shared/codes.h"

namespace rlx {

// `whole` is a whole number where it is one at all; `what` names it.
inline Result<Dim> float_extent(const InferCtx& c, double whole, std::string_view what) {
  if (whole >= 0 && whole < static_cast<double>(kMostBytes)) {
    return Dim(static_cast<int64_t>(whole));
  }
  return c.error(kBadInput, fmt::format("{} {} is no extent", what, whole));
}

}  // namespace rlx
