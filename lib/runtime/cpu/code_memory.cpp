#include "runtime/cpu/code_memory.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>

#include "runtime/codes.h"

namespace rlx::runtime::cpu {

Result<CodeMemory> CodeMemory::make(std::string_view code) {
  CodeMemory memory;
  RLX_TRY(memory.mapping_, Mapping::make(code.size()));
  std::memcpy(memory.mapping_.data(), code.data(), code.size());
  if (memory.mapping_.protect(0, memory.mapping_.size(), PROT_READ | PROT_EXEC)) return memory;
  return Error(kNotExecutable,
               fmt::format("memory cannot be made executable: {}", std::strerror(errno)),
               "a security policy of this system forbids it");
}

KernelFunction CodeMemory::function(uint64_t entry) const {
  return reinterpret_cast<KernelFunction>(mapping_.data() + entry);
}

}  // namespace rlx::runtime::cpu
