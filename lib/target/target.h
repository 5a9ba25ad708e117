// What code is made for: plain facts, all of which stand in the cache key. Nothing here asks a device.
#pragma once
#include <cstdint>
#include <string>

#include "support/result.h"

namespace rlx {

struct Target {
  enum class Kind : uint8_t { kCpu, kCuda };

  // Canonical: "cpu:x86-64-v3", "cpu:x86-64-v4,+avx512vnni", "cuda:sm_90". Parses back to this Target.
  std::string text;
  Kind kind = Kind::kCpu;
  // LLVM's CPU name for instruction selection, and its feature names, sorted: "avx2", "avx512f", "fma".
  std::string cpu;
  Vec<std::string> features;
  // Widest vector register used for f32 work, in bits, and how many of them there are.
  int vector_bits = 256;
  int vector_registers = 16;
  int64_t l1_bytes = 32 << 10;
  int64_t l2_bytes = 512 << 10;

  bool has(std::string_view feature) const;
};

// "host" resolves to the machine's instruction sets (CPUID and the OS's enabled state); "cpu:portable" is
// x86-64-v3; "cpu:x86-64-v3", "cpu:x86-64-v4", then ",+feature" and ",-feature". Others: error 2xxx that
// lists what is known.
Result<Target> parse_target(std::string_view text);

}  // namespace rlx
