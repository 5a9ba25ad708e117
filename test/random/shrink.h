// A failing model made as small as it can be while it fails in the same way.
#pragma once
#include "test/random/process.h"

namespace rlx::random {

// Which extents the open ones are run with.
enum class At : uint8_t { kValues, kOnes, kZeros };

// Nothing where the model does not allow those extents.
std::optional<Case> case_of(const Model& m, At at);

// What is tried of a model.
struct Trial {
  Model model;
  At at = At::kValues;
  Ways ways;
};

// Whether a smaller trial fails in the same way.
using Fails = std::function<bool(const Trial&)>;

// Outputs go, nodes become inputs, extents get smaller, for as many tries.
Trial shrunk(Trial t, const Fails& fails, int tries);

}  // namespace rlx::random
