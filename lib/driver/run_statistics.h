// Many measured times in a few numbers.
#pragma once
#include <string_view>

#include "support/result.h"

namespace rlx::driver {

// Nanoseconds.
struct Latency {
  int64_t n = 0;
  double median = 0;
  // The median of all runs that could have been measured is in here, in 95 of 100 cases.
  double ci_lo = 0, ci_hi = 0;
  double mean = 0, min = 0, max = 0;
  double p50 = 0, p90 = 0, p99 = 0;

  // Half the interval is more than a hundredth of the median.
  bool is_noisy() const { return (ci_hi - ci_lo) / 2 > median / 100; }
};

// At least one time.
Latency latency_of(Vec<int64_t> ns);

// "stable" or "noisy".
std::string_view verdict(const Latency& latency);

}  // namespace rlx::driver
