// The codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx {

// A graph that breaks the rules of ir/verifier.h: a bug of the pass before.
inline constexpr int kInvalidGraph = 1001;
// A text or JSON form that cannot be read.
inline constexpr int kUnreadableText = 3001;
// An operator with inputs, outputs or regions that it does not have.
inline constexpr int kWrongArity = 3002;
// Extents that an operator needs to be the same, and are not.
inline constexpr int kExtentMismatch = 5001;

}  // namespace rlx
