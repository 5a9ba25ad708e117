// Access o Storage: the address of an access as a Dim over loops, and how it moves along one loop.
// All that a backend knows of layouts.
#pragma once
#include "kernel/kernel.h"

namespace rlx {

// Element offset in the argument's memory, bounds left aside; axes indexed by an Expr count as
// index 0 (the backend adds expr * stride; see axis_stride). Simplified with the given ranges.
Dim address_of(const Access& a, const Arg& arg, const RangeOf& range);
// A local lies row-major.
Dim address_of(const Access& a, const Local& local, const RangeOf& range);
// The stride in elements of logical axis `axis`, where its storage is one physical dim.
std::optional<Dim> axis_stride(const Arg& arg, int axis);

// The address's change from one step of loop v to the next inside any group of `lanes` consecutive
// steps that starts at a multiple of `lanes`: 0 (uniform), 1 (contiguous), another constant or an
// expression with one value per group; nullopt: not shown to be affine in v there.
std::optional<Dim> lane_stride(const Dim& address, LoopId v, int64_t lanes);

// Whether indexes outside of the axes with a fill rule read just that fill, so that the rule may
// become proven: the storage holds it in halo and padding, and they reach as far as the index does.
bool covered_by_halo(const Access& a, const Arg& arg, const RangeOf& range);

}  // namespace rlx
