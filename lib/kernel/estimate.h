// What kernels cost, roughly, before their symbols are known: for choices that any answer leaves right.
#pragma once
#include "kernel/kernel.h"

namespace rlx {

// What a Dim may be where symbols are 128; loops count as 0.
int64_t estimate(const Dim& d);
// How often the loops run together.
double estimated_trips(const Vec<Loop>& loops);
// Nodes of bodies and accesses that the stage computes in its kernel.
double estimated_work(const Kernel& k, const Stage& s);

}  // namespace rlx
