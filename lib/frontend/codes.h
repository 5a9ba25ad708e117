// What reading a model can find wrong: the codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx {

// Not readable as what its name or first bytes say it is.
inline constexpr int kBrokenFile = 3010;
// Readable, but no valid model: undefined or repeated names, cycles, missing parts.
inline constexpr int kInvalidModel = 3011;
// A tensor's bytes do not fit its type and shape.
inline constexpr int kInvalidTensor = 3012;
// External data that is missing, outside the model's folder, or too short.
inline constexpr int kExternalData = 3013;
// A graph as text, which leaves out the bytes of big constants, or JSON whose weights lack a tensor.
inline constexpr int kNoWeights = 3014;

// An IR version, operator set or model feature that rlx does not read.
inline constexpr int kUnsupportedFormat = 4010;
inline constexpr int kUnsupportedDomain = 4011;
inline constexpr int kUnsupportedOperator = 4012;
inline constexpr int kUnsupportedAttribute = 4013;
inline constexpr int kUnsupportedType = 4014;

}  // namespace rlx
