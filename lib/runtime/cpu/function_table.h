// How kernels are called (image::Kernel says what the arguments are).
#pragma once
#include <cstdint>

#include "support/result.h"

namespace rlx::runtime::cpu {

using KernelFunction = void (*)(void* const* buffers, const int64_t* symbols, int64_t first,
                                int64_t last, void* scratch);

// One function a kernel of the image.
using FunctionTable = Vec<KernelFunction>;

}  // namespace rlx::runtime::cpu
