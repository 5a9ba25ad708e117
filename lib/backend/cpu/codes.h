// The codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx::cpu {

// A kind of stage, or of tensor, that no algorithm here knows.
inline constexpr int kUnsupportedStage = 4030;
inline constexpr int kUnsupportedElement = 4031;

}  // namespace rlx::cpu
