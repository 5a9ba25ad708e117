#include "driver/run_values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>

namespace rlx::driver {

std::string number_text(DType dtype, Wide value) {
  if (is_float(dtype)) return fmt::format("{:.6g}", static_cast<double>(value));
  return fmt::format("{:.0f}", value);
}

namespace {

// Sums side by side, which a machine makes at once: outputs have millions of elements, and a start waits for this.
constexpr size_t kSums = 8;

template <class V>
struct Extremes {
  V min = INFINITY, max = -INFINITY, sum = 0;
  int64_t nan = 0;

  void add(V value) {
    const bool is_nan = std::isnan(value);
    min = value < min ? value : min;
    max = value > max ? value : max;
    sum += is_nan ? V(0) : value;
    nan += is_nan;
  }
  void add(const Extremes& o) {
    min = std::min(min, o.min);
    max = std::max(max, o.max);
    sum += o.sum;
    nan += o.nan;
  }
};

// V holds each element.
template <class V, class T>
Extremes<V> extremes_of(std::span<const T> values) {
  std::array<Extremes<V>, kSums> sums;
  const size_t whole = values.size() / kSums * kSums;
  for (size_t i = 0; i < whole; i += kSums) {
    for (size_t k = 0; k < kSums; ++k) sums[k].add(convert<V>(values[i + k]));
  }
  for (size_t i = whole; i < values.size(); ++i) sums[0].add(convert<V>(values[i]));
  for (size_t k = 1; k < kSums; ++k) sums[0].add(sums[k]);
  return sums[0];
}

}  // namespace

Summary summarise(const HostTensor& t) {
  Summary s;
  with_type(t.dtype, [&]<class T>() {
    const std::span values(reinterpret_cast<const T*>(t.data.data()), t.data.size() / sizeof(T));
    for (const T value : values.first(std::min(values.size(), Summary::kShown))) {
      s.first.push_back(number_text(t.dtype, convert<Wide>(value)));
    }
    using V = std::conditional_t<std::is_integral_v<T> && sizeof(T) == 8, Wide, double>;
    const Extremes<V> all = extremes_of<V>(values);
    s.nan = all.nan;
    const auto count = static_cast<int64_t>(values.size()) - all.nan;
    if (count == 0) return;
    s.min = static_cast<double>(all.min);
    s.max = static_cast<double>(all.max);
    s.mean = static_cast<double>(all.sum / static_cast<V>(count));
  });
  return s;
}

}  // namespace rlx::driver
