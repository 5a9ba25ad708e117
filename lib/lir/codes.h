// The codes of this folder's and plan/'s diagnostics (docs/errors.md).
#pragma once

namespace rlx {

// A stored plan that does not fit its graph.
inline constexpr int kPlanMismatch = 8301;
// A LIR's JSON that is not what to_json writes.
inline constexpr int kBrokenLir = 8302;
// A LIR of another version.
inline constexpr int kForeignLir = 8303;
// A constant of a LIR whose bytes the store does not have where the LIR says.
inline constexpr int kNoConstant = 8304;

}  // namespace rlx
