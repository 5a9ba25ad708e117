// What no backend has code for. LLVM-free.
#pragma once
#include "kernel/kernel.h"

namespace rlx::backend {

// Error kUnsupportedElement names the stage that reads or writes strings; `name` is the backend's.
Status check_elements(const Kernel& k, std::string_view name);

}  // namespace rlx::backend
