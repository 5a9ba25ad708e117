// The codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx {

// A pass that does not exist.
inline constexpr int kUnknownPass = 2501;
// --grad, --jvp or --batch names what the model does not have.
inline constexpr int kUnknownValue = 2502;
// --grad, --jvp or --batch names what cannot be that.
inline constexpr int kUnfitValue = 2503;
// A node that has no gradient, directional derivative, or form over one axis more.
inline constexpr int kNoHook = 4502;
// An input whose kind or element type the operator does not support here.
inline constexpr int kUnsupportedInput = 4501;
// A dim that the model does not have.
inline constexpr int kUnknownDim = 5501;
// A value that a dim cannot have.
inline constexpr int kDimOutOfRange = 5502;
// Values of dims that contradict each other or the model.
inline constexpr int kContradiction = 5503;

}  // namespace rlx
