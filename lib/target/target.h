// What code is made for: plain facts, all of which follow from a text that stands in the cache key. How many
// cores there are is none of them, and nothing here asks a device.
#pragma once
#include <cstdint>
#include <string>
#include <variant>

#include "support/result.h"

namespace rlx {

struct CpuTarget {
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

struct CudaTarget {
  // "sm_90", "sm_90a".
  std::string arch;
};

struct Target {
  // Canonical: "cpu:x86-64-v3", "cpu:x86-64-v4,+avx512vnni", "cuda:sm_90". Parses back to this Target.
  std::string text;
  std::variant<CpuTarget, CudaTarget> facts;

  bool is_cpu() const { return std::holds_alternative<CpuTarget>(facts); }
  // Only where it is one.
  const CpuTarget& cpu() const;
};

// "host" resolves to the machine's instruction sets (CPUID and the OS's enabled state); "cpu:portable" is
// x86-64-v3; "cpu:x86-64-v3", "cpu:x86-64-v4", then ",+feature" and ",-feature"; "cuda:sm_90". Others: error
// 2xxx that lists what is known.
Result<Target> parse_target(std::string_view text);

}  // namespace rlx
