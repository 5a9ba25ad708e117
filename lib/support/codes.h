// The codes of this folder's diagnostics (docs/errors.md).
#pragma once

namespace rlx {

// What only a bug of rlx can cause.
inline constexpr int kInternalError = 1000;
// A file that cannot be opened or read.
inline constexpr int kCannotReadFile = 3022;
// A file that was written over or cut while it was read.
inline constexpr int kFileChanged = 3021;
// A program of others that is not there, or fails.
inline constexpr int kNoProgram = 7003;
// An output that cannot be written.
inline constexpr int kCannotWriteFile = 11001;
// An allocation failed, or would take more than is free.
inline constexpr int kOutOfMemory = 11102;

}  // namespace rlx
