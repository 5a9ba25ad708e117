// Codes of the errors that operators report: 3xxx, the model is wrong; 4xxx, rlx cannot do it.
#pragma once

namespace rlx {

// An attribute or axis has a value that the operator does not allow.
inline constexpr int kBadAttribute = 3201;
// Ranks, extents or element types of the inputs do not fit together.
inline constexpr int kBadInput = 3202;
// A value has to be known at compile time and is not.
inline constexpr int kMustBeKnown = 4201;
// A form of the operator that is not supported.
inline constexpr int kUnsupportedForm = 4202;

}  // namespace rlx
