#include "driver/toolchain.h"

// Written by toolchain.cmake at build time.
#include "toolchain_id.h"

namespace rlx::driver {

std::string compiler_id() { return RLX_COMPILER_ID; }

std::string llvm_version() { return RLX_LLVM_VERSION; }

std::map<std::string, std::string> toolchain() {
  return {{"compiler", compiler_id()}, {"llvm", llvm_version()}};
}

std::string version() { return RLX_VERSION; }

}  // namespace rlx::driver
