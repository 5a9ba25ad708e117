// The codes of this folder's diagnostics (docs/errors.md): files of inputs and outputs are what the user
// gives beside the model, hence 5xxx.
#pragma once

namespace rlx {

// Not readable as what its name or first bytes say it is.
inline constexpr int kBrokenTensorFile = 5010;
// Readable, but holds what rlx has no tensor for: text, objects, big-endian numbers.
inline constexpr int kUnsupportedTensorFile = 5011;

}  // namespace rlx
