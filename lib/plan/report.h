// What planning did and what not, for --fusion-report.
#pragma once
#include "target/cost.h"
#include "target/menu.h"

namespace rlx {

// Two kernels of which one reads what the other writes, or both read a value.
struct Neighbours {
  // As messages call them: the kernel, and the node of the model that it was lowered from.
  struct Side {
    std::string kernel, node;
  };

  Side writer, reader;
  // The second only stands beside the first.
  bool siblings = false;
  // They became one; else why not.
  bool merged = false;
  std::string reason = {};
  // Of what passes between them, or what both read, where every symbol is as estimate() says.
  int64_t bytes = 0;
  // Both apart, and as one kernel; equal where nothing was weighed.
  Cost apart = {}, together = {};
};

// One kernel that became two (plan/split.h).
struct SplitKernel {
  std::string kernel, node;
  int64_t runs = 1;
  Cost whole = {}, apart = {};
};

struct PlannedCost {
  std::string kernel, node, algorithm;
  Cost cost;
};

struct PlanReport {
  // In the order of merging; then those that stay apart, in the order of execution.
  Vec<Neighbours> neighbours;
  // In the order of execution.
  Vec<SplitKernel> splits;
  // In the order of execution, copies between storages left out.
  Vec<PlannedCost> kernels;
};

// A line for each two neighbours: "fused: ..." and "not fused: ..."; then "split: ..." for each split.
std::string to_text(const PlanReport& report);
std::string to_json(const PlanReport& report);

}  // namespace rlx
