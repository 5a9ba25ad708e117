// What emitters ask about the target. LLVM-free.
#pragma once
#include "backend/common/ref.h"
#include "target/target.h"

namespace rlx::backend::cpu {

// Of f32 in the widest vector.
inline constexpr int kLanes = kRowMultiple;
// Of the widest register.
inline constexpr int64_t kVectorBytes = kLanes * 4;
// Of the widest elements in kLanes lanes: emit_access.cpp reads so much scratch in place of what does not
// exist.
inline constexpr int64_t kLanesBytes = kLanes * 8;

// Not one for LLVM's own use: it counts subnormals as 0.
inline constexpr std::string_view kBf16Feature = "avx512bf16";

struct Isa {
  // Vectors of 512 bits with masks; else 256 bits.
  bool wide = false;
  int vector_bytes = 32;
  // Of f32 in a register.
  int lanes = 8;
  // Of the widest instruction. Narrower than the vectors where tests give a machine the tiles of another:
  // LLVM then splits them.
  int instruction_bits = 256;

  // Vectors of kVectorBytes of sums that a register tile may hold; four registers are left for its operands.
  int accumulators = 6;
  // The feature that has dot products of bytes and of halves of i32; empty: there is none.
  std::string_view dot_feature = {};
  // Whether it has dot products of pairs of bf16.
  bool bf16_dot = false;
  // Whether an instruction takes each byte from any bits of 64.
  bool selects_bits = false;

  explicit Isa(const CpuTarget& t)
      : wide(t.vector_bits == 512),
        vector_bytes(t.vector_bits / 8),
        lanes(vector_bytes / 4),
        instruction_bits(t.has("avx512f") ? t.vector_bits : 256),
        accumulators((t.vector_registers - 4) * lanes / kLanes),
        dot_feature(dot_feature_of(t)),
        bf16_dot(instruction_bits == 512 && t.has(kBf16Feature)),
        selects_bits(instruction_bits == 512 && t.has("avx512vbmi")) {}

 private:
  std::string_view dot_feature_of(const CpuTarget& t) const {
    if (instruction_bits == 512) return t.has("avx512vnni") ? "avx512vnni" : "";
    return t.has("avxvnni") ? "avxvnni" : "";
  }
};

// The target's features that LLVM may use on its own. Those of matrix and narrow arithmetic are left out:
// code uses them where an emitter says so, as some round differently (bf16 flushes subnormals).
Vec<std::string> code_features(const CpuTarget& target);

}  // namespace rlx::backend::cpu
