// Kernels compiled, run, and compared with the interpreter bit by bit.
#pragma once
#include "backend/cpu/cpu.h"
#include "test/backend/data.h"

namespace rlx::test {

// A target and whether its code uses the instructions that the target means. Where they are missing here,
// tiles are those of the target and the instructions those of x86-64-v3, which LLVM splits wide vectors
// into.
struct Machine {
  Target target;
  bool real = true;
};
const Vec<Machine>& machines();
Machine machine_of(std::string_view target);

// Kernels that check_same has run, by target: "cpu:x86-64-v4 tiles with v3 instructions".
std::map<std::string, int64_t>& kernels_run();

// One kernel's code.
class Program {
 public:
  Program(const Kernel& k, const Target& target, Choice choice = {});

  int64_t tiles(const Symbols& symbols) const;
  // Runs tiles [first, last). Gives the trap.
  image::Trap run(Vec<Memory>& buffers, const Symbols& symbols, int64_t first, int64_t last);
  const CodeEntry& entry() const { return code_.entries[0]; }
  const Vec<std::string>& symbols() const { return symbols_; }

 private:
  Vec<std::string> symbols_;
  Vec<size_t> memory_of_;
  Code code_;
  Memory memory_;
};

// Fails the test unless the kernel gives, on every target here, whole and tile by tile, the interpreter's
// bits (any NaN for a NaN). Padding with a stated fill has to hold it at the end. Without a choice, every row of
// a GPU's menu has to as well (check_shim).
void check_same(const Kernel& k, const Symbols& symbols = {}, const Fill& fill = random_values(1),
                const Choice& choice = {});
void check_same_on(const Machine& m, const Kernel& k, const Symbols& symbols, const Fill& fill,
                   const Choice& choice);
// For a choice that is not exact: every result is that near to the interpreter's, and tile by tile has the same bits.
void check_near_on(const Machine& m, const Kernel& k, const Symbols& symbols, const Fill& fill,
                   const Choice& choice, double tolerance);
inline void check_same(std::string_view text, const Symbols& symbols = {},
                       const Fill& fill = random_values(1)) {
  check_same(parse_kernel(text), symbols, fill);
}

}  // namespace rlx::test
