// Access o Storage: the address of an access as a Dim over loops, and how it moves along one loop.
// All that a backend knows of layouts.
#pragma once
#include "kernel/kernel.h"

namespace rlx {

// Element offset in the argument's storage; axes indexed by an Expr are left out (the backend adds
// expr * stride; see axis_stride). Simplified with the given ranges.
Dim address_of(const Access& a, const Arg& arg, const RangeOf& range);
// The stride in elements of logical axis `axis`, where its storage is one physical dim.
std::optional<Dim> axis_stride(const Arg& arg, int axis);

// The address's change from one step of loop v to the next inside any group of `lanes` consecutive
// steps that starts at a multiple of `lanes`: 0 (uniform), 1 (contiguous), another constant or
// symbolic stride; nullopt: not affine in v there.
std::optional<Dim> lane_stride(const Dim& address, LoopId v, int64_t lanes);

// A fill access is proven where the storage's halo and padding hold the same fill and cover every
// index.
bool covered_by_halo(const Access& a, const Arg& arg, const RangeOf& range);

}  // namespace rlx
