// Which kernel failed: after an error that takes the GPU's context with it, only another process can tell.
#pragma once
#include "support/result.h"

namespace rlx::driver {

// Runs this process's own command once more with --check-kernels, and gives what that says of it; the same error where it
// says nothing.
Error failed_kernel(const Error& failed);

}  // namespace rlx::driver
