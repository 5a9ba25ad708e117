// What can be wrong with loading an image and running it: the codes of this folder's diagnostics
// (docs/errors.md).
#pragma once

namespace rlx::runtime {

// A command on a device that this runtime does not run.
inline constexpr int kUnsupportedCommand = 4101;

inline constexpr int kUnknownInput = 5111;
inline constexpr int kRepeatedInput = 5112;
inline constexpr int kMissingInput = 5113;
inline constexpr int kWrongDType = 5114;
inline constexpr int kWrongRank = 5115;
inline constexpr int kWrongExtent = 5116;
// A symbol below its minimum, above its maximum, or no multiple of what it must be.
inline constexpr int kOutOfRange = 5117;
// An assumption of the model does not hold for these dims.
inline constexpr int kGuardFailed = 5118;
// No input gives the symbol, nor does the caller.
inline constexpr int kNoValue = 5119;
// A kernel met data that it cannot use, such as an index out of range.
inline constexpr int kBadData = 5120;
// An output that is to be fed, or the input, is none of the model's.
inline constexpr int kUnknownFeed = 5121;
// An input that two outputs are fed to, or an output that goes to two inputs.
inline constexpr int kFedTwice = 5122;
// An output is of another type or shape than the input that it is fed to.
inline constexpr int kFeedMismatch = 5123;
// An input that is fed is given after the first step.
inline constexpr int kGivenAndFed = 5124;

// The code uses instructions that this CPU lacks.
inline constexpr int kMissingFeature = 7101;
// The system does not let memory become executable.
inline constexpr int kNotExecutable = 7102;
// The image is for a device that this runtime does not drive.
inline constexpr int kWrongDevice = 7103;

// No driver for GPUs, or one that is too old.
inline constexpr int kNoGpuDriver = 7104;
// A device that this machine has not.
inline constexpr int kNoGpu = 7105;
// The GPU or its driver failed.
inline constexpr int kGpuFailed = 7106;
// A kernel failed, and took all that the GPU held for this process with it.
inline constexpr int kKernelFailed = 7107;
// A constant lies outside its blob, or a tensor does not fit its buffer.
inline constexpr int kDamagedImage = 8103;

}  // namespace rlx::runtime
