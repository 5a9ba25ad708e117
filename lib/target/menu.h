// The menu: what a backend can do with a kernel, before any code is made. A pure function of the kernel and
// the target; plan/ chooses, the choice stands in the LIR, the backend emits exactly that or refuses.
#pragma once
#include "kernel/kernel.h"
#include "target/target.h"

namespace rlx {

// What was chosen for one kernel.
struct Choice {
  // "contract.panel", "conv.direct", "loops".
  std::string algorithm = "loops";
  // Meaning is the algorithm's: rows and columns of the register tile.
  Vec<int64_t> tile = {};

  bool operator==(const Choice&) const = default;
};

struct Alternative {
  Choice choice;
  // What the algorithm needs of each Kernel::args: a storage, or any. Dense alternatives come last.
  Vec<std::optional<Storage>> storages;
  // Nanoseconds for symbols at 128, roughly; compared, never shown.
  int64_t cost = 0;
};

// Best first; never empty: "loops" runs every kernel whose kinds the backend knows. An error names the
// stage and what the backend lacks (4xxx).
using Menu = Result<Vec<Alternative>> (*)(const Kernel&, const Target&);

struct PlannedKernel {
  Kernel kernel;
  Choice choice;
};

}  // namespace rlx
