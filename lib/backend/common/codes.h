// The codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx::backend {

// An element type that no algorithm here knows.
inline constexpr int kUnsupportedElement = 4031;
// More arguments or symbols than a GPU's kernel takes.
inline constexpr int kTooManyArguments = 4032;

}  // namespace rlx::backend
