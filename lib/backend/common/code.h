// Machine code for planned kernels: what a backend makes.
#pragma once
#include "image/image.h"
#include "target/menu.h"

namespace rlx {

struct CodeEntry {
  // Into Code::blob.
  uint64_t offset = 0;
  Dim tiles;
  // Trap included.
  Dim scratch_bytes;
  // Where user data can be found wrong (image::Trap::site - 1).
  Vec<image::Site> sites;
};

struct Code {
  std::string blob;
  // One a kernel; kernels that are equal but for names share their function.
  Vec<CodeEntry> entries;
  // Features that the code uses, a subset of the target's.
  Vec<std::string> isa;
};

// What a backend prints: CPUs have assembly, GPUs PTX and machine code.
enum class CodeText : uint8_t { kLlvm, kAsm, kPtx, kSass };

}  // namespace rlx
