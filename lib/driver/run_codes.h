// What rlx-run can find wrong beside loading and running: codes of diagnostics (docs/errors.md).
#pragma once

namespace rlx::driver {

// Flags that do not go together.
inline constexpr int kRunUsage = 2101;
// --feed is not OUTPUT=INPUT.
inline constexpr int kBadFeed = 2102;
// Input files that are no set of inputs.
inline constexpr int kNoInputs = 5201;
// Expected outputs that are not there, or belong to no output.
inline constexpr int kNoExpected = 5202;
// A dim that generated inputs need.
inline constexpr int kDimNeeded = 5203;
// An image names a blob that its entry does not.
inline constexpr int kMissingBlob = 8201;
// An output is not what was expected.
inline constexpr int kDiffers = 9101;

}  // namespace rlx::driver
