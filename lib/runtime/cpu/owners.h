// Which threads run a step. Those of more than one tile are divided among all; one of at most one tile ("solo") has a
// thread. In a run of solo steps those that hang together, by their waits or by memory that they share, have the same
// thread, in order, so that nobody meets between them; the others are spread.
#pragma once
#include "image/image.h"

namespace rlx::runtime::cpu {

inline constexpr int kAllThreads = -1;

// By command: its thread, or kAllThreads.
Vec<int> owners_of(const image::Image& image, const image::Placement& placement,
                   const Vec<bool>& solo, int threads);

}  // namespace rlx::runtime::cpu
