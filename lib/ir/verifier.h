// What holds of every graph; run after each pass.
//
//  1. Ids are in range; each node stands in at most one region (in none: it is dead), each region has one
//     owner; definitions come before uses; values of an outer region are used only through captures.
//  2. Arity, regions and the dtypes of the operator hold.
//  3. `infer` agrees with the stored types up to the facts that hold in the node's region (Level::kMir; unknown types are refused there).
//  4. Every symbol in a type stands in the table; facts and dims use known symbols.
//  5. Every node has an origin, sorted and without repeats; constants' bytes match dtype and shape.
//  6. Level::kMir has no operator that only expands, and none on lists.
#pragma once
#include "ir/graph.h"

namespace rlx {

enum class Level : uint8_t { kHir, kMir };

// The diagnostics name every violation; a violation is a bug of the pass that ran before.
Status verify(const Graph& g, Level level);
// Rule 1 alone: what all that walks over a graph relies on.
Status verify_structure(const Graph& g);

}  // namespace rlx
