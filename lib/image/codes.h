// What can be wrong with an image: the codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx::image {

// A size is negative, overflows, or divides by what is not positive, for the dims given.
inline constexpr int kBadExtent = 5101;
// The bytes are no image, or an inconsistent one.
inline constexpr int kDamaged = 8101;
// Written by an rlx with another image format.
inline constexpr int kOtherVersion = 8102;
// More memory than can be addressed.
inline constexpr int kTooMuchMemory = 11101;

}  // namespace rlx::image
