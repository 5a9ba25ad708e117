// Steady-state times of something that runs again and again.
#pragma once
#include <chrono>
#include <functional>

#include "driver/run_statistics.h"

namespace rlx::driver {

struct BenchOptions {
  std::chrono::nanoseconds min_time = std::chrono::milliseconds(500);
  int64_t min_runs = 5;
};

// Warms up until runs get no faster, then measures for min_time. `now` is the clock: tests bring their own.
Result<Latency> bench(const std::function<Status()>& run, const BenchOptions& options,
                      const std::function<std::chrono::nanoseconds()>& now);
Result<Latency> bench(const std::function<Status()>& run, const BenchOptions& options);

}  // namespace rlx::driver
