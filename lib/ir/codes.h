// The codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx {

// A graph that breaks the rules of ir/verifier.h: a bug of the pass before.
inline constexpr int kInvalidGraph = 1001;
// A text or JSON form that cannot be read.
inline constexpr int kUnreadableText = 3001;
// An operator with inputs, outputs or regions that it does not have.
inline constexpr int kWrongArity = 3002;
// Extents that an operator needs to be the same, and are not, whatever the dims: the model's fault.
inline constexpr int kModelMismatch = 3203;
// The file's own type of a value is not the one that its node gives it.
inline constexpr int kDeclaredMismatch = 3204;
// The same for the dims that were bound.
inline constexpr int kExtentMismatch = 5001;
// A tensor beyond kMostBytes, or arithmetic on extents beyond int64_t.
inline constexpr int kTooLarge = 11201;

}  // namespace rlx
