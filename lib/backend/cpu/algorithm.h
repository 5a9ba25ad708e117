// The ways in which this backend runs kernels, as a table: menu, compile and tests walk it. LLVM-free.
//
// What an algorithm offers are rows of the menu: the numbers that it was tuned to, and how each operand has to
// lie. plan/ takes a row, lays the operands out so, and writes name and numbers into the LIR; emit gets just
// that, or compile() refuses. docs/add-an-algorithm.md shows how one is added.
#pragma once
#include <set>
#include <span>

#include "target/menu.h"

namespace llvm {
class Module;
}

namespace rlx::backend::cpu {

// A function to write.
struct Job {
  llvm::Module& module;
  const std::string& name;
  const PlannedKernel& planned;
  // In the order of the ABI's symbols.
  const Vec<std::string>& symbols;
  const CpuTarget& target;
};

// What its image::Kernel says of it.
struct Work {
  Dim tiles;
  // Trap included.
  Dim scratch_bytes;
  // Of the target: those that its instructions take by name, beside what LLVM may use anywhere.
  std::set<std::string> features;
};

struct Algorithm {
  // Choice::algorithm.
  std::string_view name;
  // Rows for a kernel whose stages and elements the backend knows; none where it does not fit.
  Vec<Alternative> (*offer)(const Kernel&, const CpuTarget&);
  // Whether emit can follow the choice's numbers on this kernel as it is stored: a LIR may come from anywhere,
  // and its numbers may be those of another target.
  bool (*fits)(const Kernel&, const Choice&);
  Work (*emit)(const Job&);
};

// Error kUnmetNeed where the kernel's choice is not on its menu, or an operand does not lie as it needs.
Status check_choice(const PlannedKernel& p, const Target& target);

// Of rows that cost the same, those of the first win; the last one runs every kernel.
std::span<const Algorithm> algorithms();
// Null where there is none of that name.
const Algorithm* find_algorithm(std::string_view name);

}  // namespace rlx::backend::cpu
