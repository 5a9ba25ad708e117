// The codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx::backend::cpu {

// An element type that no algorithm here knows.
inline constexpr int kUnsupportedElement = 4031;

}  // namespace rlx::backend::cpu
