// The codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx {

// A kernel that breaks the rules of verify(): a bug of a lowering or pass, or of a test's text.
inline constexpr int kInvalidKernel = 1301;
// A storage whose dims do not give each element one place.
inline constexpr int kInvalidStorage = 1302;
// A plan that gives an algorithm an operand in another storage than it needs.
inline constexpr int kUnmetNeed = 1303;
// A kind of stage that the interpreter does not run.
inline constexpr int kNotInterpreted = 4301;
// Data that indexes outside of an axis.
inline constexpr int kIndexOutside = 5301;

}  // namespace rlx
