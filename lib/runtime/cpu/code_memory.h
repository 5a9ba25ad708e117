// Machine code where it can run: read into anonymous memory, then made executable and no longer writable.
// Code files are never mapped as executable, so that nobody who can write to them later can change what
// runs.
#pragma once
#include "runtime/cpu/function_table.h"
#include "runtime/cpu/memory.h"

namespace rlx::runtime::cpu {

class CodeMemory {
 public:
  // Error 7xxx where the system does not let memory become executable.
  static Result<CodeMemory> make(std::string_view code);

  KernelFunction function(uint64_t entry) const;

 private:
  Mapping mapping_;
};

}  // namespace rlx::runtime::cpu
