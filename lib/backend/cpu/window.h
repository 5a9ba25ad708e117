// Depthwise windows: loops whose lanes are channels, which asks for storages with channels innermost. LLVM-free.
#pragma once
#include "target/menu.h"

namespace rlx::cpu {

// "loops" with channels last, and the halo that windows read beyond the image; nothing where the kernel is no
// reduction of an image and weights that share their channels.
std::optional<Alternative> window_alternative(const Kernel& k);

}  // namespace rlx::cpu
