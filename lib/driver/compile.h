// The straight line of the compiler: graph -> passes -> plan -> code -> image.
#pragma once
#include "backend/common/build_image.h"
#include "backend/common/constant_blobs.h"
#include "driver/key.h"
#include "passes/pipeline.h"
#include "plan/plan.h"

namespace rlx::driver {

struct CompileOptions {
  Target target;
  // Bound before planning; empty: the template.
  Dims dims = {};
  // Recorded in the LIR; they stand in the key. Switches (driver/switches.h) are obeyed.
  Options options = {};
  // What does not change results; `off`, `math` and `precision` come from the options.
  PassOptions passes = {};
  int jobs = 1;
  // An image of that code key, if one is at hand: its code is used, and none is generated.
  std::function<std::optional<image::Image>(const Digest& code_key)> find_code = [](const Digest&) {
    return std::nullopt;
  };
  // What becomes of blobs of constants; by default they stay in memory.
  KeepBlob keep_blob = [](const Digest&, ConstantData data) { return data; };
  // Told what is being done, for people who wait.
  std::function<void(std::string_view)> phase = [](std::string_view) {};
};

// Everything that one compile makes, in memory.
struct Compiled {
  Lir lir;
  // Constants as the code wants them.
  ConstantBlobs constants;
  Vec<PlannedKernel> kernels;
  image::Image image;
  PlanReport report;
};

// The optimised graph, dims bound: --emit=mir.
Result<Graph> optimised(Graph imported, const CompileOptions& options);
// Up to the plan: --emit=kernel.
Result<Plan> planned(Graph imported, const CompileOptions& options);
// The same from a stored template, with the template's options.
Result<Plan> planned_bound(const Lir& base, const CompileOptions& given);
// What a plan needs of memory, as an image says it, but for the scratch of its kernels: no code is made.
Result<image::Image> image_without_code(const Lir& lir, const Vec<PlannedKernel>& kernels);
// What is asked of passes, options included.
PassOptions pass_options(const CompileOptions& options);
// Those of a plan that code is made for: items with blocks have none.
Vec<PlannedKernel> with_stages(Vec<PlannedKernel> kernels);
// From the plan on.
Result<Compiled> emitted(Plan p, const CompileOptions& options);
// All of it.
Result<Compiled> compile(Graph imported, const CompileOptions& options);
// From a stored template: bind its dims and plan again, with the template's options.
Result<Compiled> compile_bound(const Lir& base, const CompileOptions& given);
// From a stored LIR whose image is missing or unusable here; its constants are in the store already.
Result<image::Image> compile_lir(const Lir& lir, const Target& target, int jobs);

}  // namespace rlx::driver
