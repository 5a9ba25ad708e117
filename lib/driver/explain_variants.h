// Which variant rlx-run would take, and why: rlx-spec explain.
#pragma once
#include "driver/load.h"
#include "driver/variants.h"

namespace rlx::driver {

// A line each, "exact|covering|template|bound|entry|none  KEY  DIMS: why", and below it what else there is and why not. It
// compiles nothing. A problem 6001 where rlx-run would find nothing that it may take.
Result<Answer> explain_variants(const VariantsRequest& request, OnMiss on_miss);

}  // namespace rlx::driver
