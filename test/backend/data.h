// Buffers of kernels, filled, interpreted and compared: what tests of every backend share.
#pragma once
#include <functional>

#include "kernel/interpreter.h"

namespace rlx::test {

using Symbols = std::map<std::string, int64_t>;

// How many random kernels a test makes: what RLX_RANDOM_KERNELS says, or else so many.
unsigned kernels_asked_for(unsigned otherwise);

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

// Writes the elements of an input.
using Fill = std::function<void(const Arg& arg, std::span<std::byte> dense)>;
// Values of all kinds, some of them 0; integers and floats between -100 and 100.
Fill random_values(unsigned seed);
// i64 arguments hold indexes in [lo, hi); others are random.
Fill random_indexes(unsigned seed, int64_t lo, int64_t hi);
// Any bits: infinities, NaNs, subnormals and numbers of every size.
Fill random_bits(unsigned seed);

Kernel parse_kernel(std::string_view text);

// The names of symbols that stand in the kernel, sorted.
Vec<std::string> symbols_of(const Kernel& k);
int64_t value_of(const Dim& d, const Symbols& symbols);

// By argument: whose buffer it lies in, its own or that of the first one in the same memory.
Vec<size_t> memories_of(const Kernel& k);
// A buffer an argument: an input's packed elements, or the fill that an output's padding starts with.
Vec<Memory> buffers_of(const Kernel& k, const Symbols& symbols, const Fill& fill);
// What the interpreter makes of them.
Vec<Memory> interpreted(const Kernel& k, const Symbols& symbols, const Fill& fill);

// The first element that differs (any NaN is as good as another), in words; nullopt: none.
std::optional<std::string> difference(const Kernel& k, Vec<Memory>& got, Vec<Memory>& want);
// Fails the test where one does.
void compare(const Kernel& k, Vec<Memory>& got, Vec<Memory>& want, const std::string& how);

}  // namespace rlx::test
