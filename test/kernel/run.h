// Kernels run by the interpreter, for the tests of this folder.
#pragma once
#include <random>

#include "kernel/interpreter.h"
#include "test/kernel/kernels.h"

namespace rlx {

using Symbols = std::map<std::string, int64_t>;

template <class T>
std::span<std::byte> memory_of(Vec<T>& v) {
  return std::as_writable_bytes(std::span(v));
}

template <class... T>
Status run(const Kernel& k, const Symbols& symbols, Vec<T>&... buffers) {
  auto sound = verify(k);
  if (!sound) FAIL(to_text(sound.error()));
  return interpret(k, symbols, {memory_of(buffers)...});
}

template <class... T>
void check_run(std::string_view text, const Symbols& symbols, Vec<T>&... buffers) {
  auto status = run(kernel_of(text), symbols, buffers...);
  if (!status) FAIL(to_text(status.error()));
}

inline Vec<float> random_floats(size_t count, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Vec<float> values(count);
  for (float& v : values) v = normal(random);
  return values;
}

// The order that kernel.h states for a sum.
inline float lane_sum(const float* x, size_t count) {
  float lanes[32] = {};
  for (size_t i = 0; i < count; ++i) lanes[i % 32] += x[i];
  for (size_t half = 16; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace rlx
