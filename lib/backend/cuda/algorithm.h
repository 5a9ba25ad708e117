// The ways in which this backend runs kernels, as a table: menu, compile and tests walk it. LLVM-free.
//
// All but those that say otherwise give the bits that the kernel's text says, and take operands as they lie.
#pragma once
#include <span>

#include "target/menu.h"

namespace llvm {
class Module;
}

namespace rlx::backend::cuda {

// A function to write.
struct Job {
  llvm::Module& module;
  const std::string& name;
  const PlannedKernel& planned;
  // In the order of the parameters.
  const Vec<std::string>& symbols;
  const CudaTarget& target;
};

// How it is started.
struct Work {
  Dim blocks;
  int64_t threads = 1;
  Dim scratch_bytes;
  // Beside what the function itself declares.
  int64_t shared_bytes = 0;
};

struct Algorithm {
  // Choice::algorithm.
  std::string_view name;
  // Rows for a kernel whose elements the backend knows; none where it does not fit.
  Vec<Alternative> (*offer)(const Kernel&, const CudaTarget&);
  // Whether emit can follow the choice's numbers on this kernel: a LIR may come from anywhere.
  bool (*fits)(const Kernel&, const Choice&);
  Work (*emit)(const Job&);
};

// Error kUnmetNeed where the kernel's choice is not on its menu.
Status check_choice(const PlannedKernel& p, const Target& target);

// Of rows that cost the same, those of the first win; the last one runs every kernel.
std::span<const Algorithm> algorithms();
// Null where there is none of that name.
const Algorithm* find_algorithm(std::string_view name);

}  // namespace rlx::backend::cuda
