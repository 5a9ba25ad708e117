// Which compiler this is: part of every cache key.
#pragma once
#include <map>
#include <string>

namespace rlx::driver {

// Digest of the sources that decide what is compiled, hex: equal for all builds of one state of the
// sources, whatever their flags, so that caches are shared between them and byte-identical.
std::string compiler_id();
// The LLVM that makes the code: "22.1.8".
std::string llvm_version();
// Both, as entries record them.
std::map<std::string, std::string> toolchain();
// "0.1.0"
std::string version();

}  // namespace rlx::driver
