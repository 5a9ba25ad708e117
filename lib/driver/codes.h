// The codes of the driver's diagnostics (docs/errors.md); rlx-run's are in run_codes.h.
#pragma once

namespace rlx::driver {

// A stage that --emit does not know, or not for that file.
inline constexpr int kUnknownStage = 2010;
// A manifest that cannot be read, or asks for what there is not.
inline constexpr int kBadManifest = 2012;
// A remote cache is needed, and none is set.
inline constexpr int kNoRemote = 2013;
// --disable names what cannot be turned off.
inline constexpr int kUnknownSwitch = 2014;
// --math has another word than exact, default and fast.
inline constexpr int kUnknownMath = 2015;
// Switches for an entry that was compiled with its own.
inline constexpr int kSwitchesOfEntry = 2016;
// --precision has another word than f32, bf16 and f16.
inline constexpr int kUnknownPrecision = 2017;
// --likely has what is not NAME=NUMBER, or two numbers for a name.
inline constexpr int kBadLikely = 2018;
// --grad, --jvp or --batch is not NAME:INPUT[,INPUT].
inline constexpr int kBadByInputs = 2019;
// --dim is no list of values, or there are more variants than anyone wants.
inline constexpr int kBadDimList = 2021;
// --weights has another word than ref and embed.
inline constexpr int kUnknownWeights = 2022;
// Neither a file nor a key of the cache.
inline constexpr int kNoModel = 3020;
// --device has another form than cpu and cuda:N, or contradicts --target.
inline constexpr int kBadDevice = 2023;
// Input shapes that contradict the model or each other.
inline constexpr int kShapeMismatch = 5020;
// The cache was asked for a hit and has none.
inline constexpr int kNotCached = 6001;
// This build has no compiler.
inline constexpr int kNoCompiler = 7001;
// Code for instruction sets that this machine lacks.
inline constexpr int kOtherMachine = 7002;
// An entry that is damaged, and whose model is not given.
inline constexpr int kDamagedEntry = 8401;
// An entry that lacks its image, or a blob that its image names.
inline constexpr int kIncompleteEntry = 8402;
// More memory than --mem-limit allows.
inline constexpr int kOverLimit = 11401;

}  // namespace rlx::driver
