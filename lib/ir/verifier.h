// What holds of every graph; run after each pass.
//
//  1. Ids are in range; each node stands in exactly one region; definitions come before uses; values of an
//     outer region are used only through captures.
//  2. Arity, regions and the dtypes of the operator hold; outputs have types.
//  3. `infer` agrees with the stored types (Level::kMir; unknown types are refused there).
//  4. Every symbol in a type stands in the table; facts use known symbols.
//  5. Every node has an origin; constants' bytes match dtype and shape.
//  6. Level::kMir has no operator that only expands.
#pragma once
#include "ir/graph.h"

namespace rlx {

enum class Level : uint8_t { kHir, kMir };

// The diagnostics name every violation; a violation is a bug of the pass that ran before.
Status verify(const Graph& g, Level level);

}  // namespace rlx
