// What a variant will take, told from its plan: no code is made and nothing is stored.
#pragma once
#include "driver/variants.h"
#include "target/cost.h"

namespace rlx::driver {

// Bytes, but for scratch, which each thread has for itself.
struct Footprint {
  // Constants that kernels read, in the storages that they ask for.
  int64_t weights = 0;
  int64_t arena = 0;
  int64_t inputs = 0, outputs = 0;
  // Of the outputs, what the next step of a loop is fed in place.
  int64_t states = 0;
  // Of all kernels, as the planner weighs them.
  Cost cost = {};

  int64_t bytes() const { return weights + arena + inputs + outputs; }
};

// For the values of the image's dims that are open still. Errors 5203 for those that are missing, 11xxx where no memory
// is so large.
Result<Footprint> footprint_of(const image::Image& image, const PlanReport& report,
                               const Dims& dims);

// A line and an item for each variant. A problem 11401 where some need more than `limit` bytes.
Result<Answer> plan_variants(const VariantsRequest& request, int64_t limit);

}  // namespace rlx::driver
