// The order of the passes, which is a straight line, and the one runner that all of them go
// through.
#pragma once
#include <chrono>

#include "ir/graph.h"
#include "passes/by_inputs.h"
#include "passes/math.h"

namespace rlx {

// What one run of a pass took.
struct PassTime {
  std::string_view pass;
  std::chrono::nanoseconds time;
};

struct PassOptions {
  // Passes that do not run: any, though without some there is nothing to plan.
  Vec<std::string> off = {};
  // What the others may do to a result.
  Math math = Math::kDefault;
  // What operands of products are stored in: f32, bf16 or f16 (passes/precision.h).
  DType precision = DType::kF32;
  // A loss and what it is differentiated by (passes/differentiate.h), an output whose tangent follows from those of
  // inputs (passes/push_tangents.h), a new dim and the inputs that get it (passes/batch_inputs.h).
  ByInputs grad = {}, jvp = {}, batch = {};
  // A pass or "all": after each run of it, `print` gets the graph.
  std::string print_after = {};
  std::function<void(std::string_view pass, const Graph&)> print = {};
  // Filled where given.
  Vec<PassTime>* times = nullptr;
};

// From what a frontend read to what plan/ takes: blocks expanded, types known, differentiated and batched where
// that is asked, constants folded, nothing done twice or in vain. The graph is verified after every pass.
Result<Graph> optimise(Graph g, const PassOptions& options = {});

// The named passes in that order, for `rlxc FILE.mir --passes=a,b`.
Result<Graph> run_passes(Graph g, const Vec<std::string>& names, const PassOptions& options = {});

// All that run_passes knows, sorted.
Vec<std::string> pass_names();
// Those that a user may turn off: they only make a graph better. With and without each of them the
// results have the same bits, as docs/numerics.md says of which and when.
Vec<std::string> optional_passes();

}  // namespace rlx
