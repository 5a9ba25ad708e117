// Kernels compiled, run, and compared with the interpreter bit by bit.
#pragma once
#include <functional>
#include <memory>

#include "backend/cpu/cpu.h"
#include "kernel/interpreter.h"

namespace rlx::test {

using Symbols = std::map<std::string, int64_t>;

// A target and whether its code uses the instructions that the target means. Where they are missing here,
// tiles are those of the target and the instructions those of x86-64-v3, which LLVM splits wide vectors
// into.
struct Machine {
  Target target;
  bool real = true;
};
const Vec<Machine>& machines();
Machine machine_of(std::string_view target);

// How many random kernels a test makes: what RLX_RANDOM_KERNELS says, or else so many.
unsigned kernels_asked_for(unsigned otherwise);

// Kernels that check_same has run, by target: "cpu:x86-64-v4 tiles with v3 instructions".
std::map<std::string, int64_t>& kernels_run();

// Bytes that end just before a page that must not be touched; 64-byte aligned.
class Memory {
 public:
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(Memory&& o) noexcept;
  Memory& operator=(Memory&&) = delete;

  std::byte* data() { return data_; }
  std::span<std::byte> span() { return {data_, bytes_}; }
  // Makes what is written so far executable.
  void make_executable();

 private:
  size_t bytes_ = 0, mapped_ = 0;
  std::byte* map_ = nullptr;
  std::byte* data_ = nullptr;
};

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

// Writes the elements of an input.
using Fill = std::function<void(const Arg& arg, std::span<std::byte> dense)>;
// Values of all kinds, some of them 0; integers and floats between -100 and 100.
Fill random_values(unsigned seed);
// i64 arguments hold indexes in [lo, hi); others are random.
Fill random_indexes(unsigned seed, int64_t lo, int64_t hi);

Kernel parse_kernel(std::string_view text);

// Fails the test unless the kernel gives, on every target here, whole and tile by tile, the interpreter's
// bits (any NaN for a NaN). Padding with a stated fill has to hold it at the end.
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
