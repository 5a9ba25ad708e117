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
  // LLVM's and ptxas's name: "sm_90".
  std::string arch;
  // The lowest version of PTX that has it: 78 is 7.8. Drivers that know more are newer.
  int ptx = 70;
  // Shared memory that a block has without asking the driver for more.
  int64_t shared_bytes = 48 << 10;
};

struct Target {
  // Canonical: "cpu:x86-64-v3", "cpu:x86-64-v4,+avx512vnni", "cuda:sm_90". Parses back to this Target.
  std::string text;
  std::variant<CpuTarget, CudaTarget> facts;

  bool is_cpu() const { return std::holds_alternative<CpuTarget>(facts); }
  // Each only where it is one.
  const CpuTarget& cpu() const;
  const CudaTarget& cuda() const;
};

// "host" resolves to the machine's instruction sets (CPUID and the OS's enabled state); "cpu:portable" is
// x86-64-v3; "cpu:x86-64-v3", "cpu:x86-64-v4", then ",+feature" and ",-feature"; "cuda:sm_80", "cuda:sm_90",
// "cuda:sm_100". "cuda:sm_90a" is "cuda:sm_90": every GPU of that generation has both. Others: error 2xxx that
// lists what is known.
Result<Target> parse_target(std::string_view text);
// The texts in a list with commas between: "host,cuda:sm_90". What begins with a sign belongs to the target before it.
Vec<std::string> split_targets(std::string_view list);

}  // namespace rlx
