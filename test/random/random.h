// Numbers from a seed, the same on every machine.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "support/hash.h"

namespace rlx::random {

// SplitMix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // In [0, n); n is at least 1.
  size_t below(size_t n) { return next() % n; }
  // In [lo, hi].
  int64_t between(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(below(static_cast<size_t>(hi - lo + 1)));
  }
  bool percent(int p) { return below(100) < static_cast<size_t>(p); }
  // In [lo, hi).
  double real(double lo, double hi) {
    return lo + (hi - lo) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }
  template <class T>
  T pick(std::initializer_list<T> items) {
    return items.begin()[below(items.size())];
  }
  template <class T>
  const T& pick(const Vec<T>& items) {
    return items[below(items.size())];
  }
  template <class T>
  void shuffle(Vec<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t state_;
};

// One of many streams that a seed gives.
inline uint64_t mixed(uint64_t seed, uint64_t stream) {
  return Random(seed ^ Random(stream).next()).next();
}

}  // namespace rlx::random
