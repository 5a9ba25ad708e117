// Graph -> LIR: lower every node to stages, group them into kernels, choose algorithms from the backend's
// menu, lay values out, assign buffers. The graph is only read; binding dims means planning again.
#pragma once
#include "lir/lir.h"
#include "plan/relax.h"
#include "plan/report.h"

namespace rlx {

// Parts of planning that the option "disable" turns off, by name, joined by commas. Results have the same
// bits without them.
//   fusion   no two nodes run in one kernel
//   layout   everything is row-major, and algorithms are those that take any storage
//   splits   a sum in several runs is one kernel
//   views    reshape, transpose, slice, concat and the like are copies, and no result lies where an operand did
struct PlanSwitches {
  bool fusion = true, layout = true, splits = true, views = true;
  // By the options "math" and "precision".
  Relaxed relaxed = Relaxed::kDefault;
};
Vec<std::string> plan_switches();
// Names that are no switch of plan/ are left to others.
PlanSwitches switches_of(const Vec<std::pair<std::string, std::string>>& options);

struct PlanOptions {
  // Sorted; stored in the LIR.
  Vec<std::pair<std::string, std::string>> options = {};
};

struct Plan {
  Lir lir;
  // The kernels, one per Lir::groups; without stages where that has blocks.
  Vec<PlannedKernel> kernels;
  PlanReport report;
};

// `g` is MIR: types known, blocks expanded. Every output must be made by a node of its own (own_outputs).
Result<Plan> plan(Graph g, const Target& target, Menu menu, const PlanOptions& options);

// The kernels of a LIR read back: the same as plan() made.
Result<Vec<PlannedKernel>> replay(const Lir& lir);

// Gives each output, of regions too, a node of its own where it is an input, a constant, captured or another output.
Status own_outputs(Graph& g);

// Bytes of a constant in a storage, and their digest. Row-major ones are the constant's own bytes.
Result<PackedConstant> packed_constant(const Constant& c, const Storage& storage);

// The reverse, from the blob that holds the form.
Result<ConstantData> unpacked(const StoredConstant& c, Bytes blob);

// Packs the constants that the LIR uses, one after the other in the buffers' order: notes each one's digest in
// Lir::buffers and hands its bytes on.
using TakePacked = std::function<Status(uint32_t buffer, PackedConstant)>;
Status pack_constants(Lir& lir, const TakePacked& take);

}  // namespace rlx
