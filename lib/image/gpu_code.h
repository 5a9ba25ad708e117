// What Image::code is where the target is a GPU: the functions of the kernels, by Kernel::entry, and their code as PTX,
// from which any driver makes machine code, and as machine code where an assembler was at hand.
//
// A function's parameters, 8 bytes each: the address of each of the command's buffers; all symbols, as i64; the address
// of kTrapRoom bytes that begin with a Trap, which the caller zeroes; the address of Kernel::scratch bytes, which all of
// its threads share. It is started as Kernel::tiles blocks of `threads`, in one dimension, with `shared_bytes` of shared
// memory beside what its code declares.
#pragma once
#include "image/image.h"

namespace rlx::image {

struct GpuFunction {
  std::string name = {};
  int64_t threads = 1;
  int64_t shared_bytes = 0;

  bool operator==(const GpuFunction&) const = default;
};

struct GpuCode {
  Vec<GpuFunction> functions = {};
  // One module.
  std::string ptx = {};
  // The same for exactly one architecture; empty: none.
  std::string cubin = {};

  bool operator==(const GpuCode&) const = default;
};

// What is not there is read, and thrown away, behind the trap.
inline constexpr int64_t kTrapRoom = kTrapBytes + 8;

std::string encode(const GpuCode& code);
// Error 8xxx where the bytes are no such code, or a kernel of the image has no function in it.
Result<GpuCode> gpu_code_of(const Image& image);

}  // namespace rlx::image
