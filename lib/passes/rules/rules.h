// The rewrites of passes/simplify.h.
#pragma once
#include <span>

#include "passes/pattern.h"

namespace rlx {

// Neutral elements, involutions, repeated clips and casts.
std::span<const Rule> arithmetic_rules();
// Reshapes, transposes, slices, broadcasts.
std::span<const Rule> shape_rules();
// Scales around matrix products.
std::span<const Rule> contraction_rules();
// Scales and offsets after convolutions.
std::span<const Rule> convolution_rules();
// What is done to concatenations.
std::span<const Rule> joined_rules();
// Picking that picks everything.
std::span<const Rule> gather_rules();

// All of these.
Vec<std::span<const Rule>> all_rules();

}  // namespace rlx
