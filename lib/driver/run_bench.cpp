#include "driver/run_bench.h"

#include <algorithm>

namespace rlx::driver {
namespace {

using std::chrono::nanoseconds;

// Runs in a row that bring nothing: it is warm.
constexpr int kStaleRuns = 5;
// At most that part of the measuring time goes into warming up.
constexpr int kWarmUpPart = 2;

class Bench {
 public:
  Bench(const std::function<Status()>& run, const BenchOptions& options,
        const std::function<nanoseconds()>& now)
      : run_(run), options_(options), now_(now) {}

  Result<Latency> measure() {
    RLX_TRY_VOID(warm_up());
    Vec<int64_t> times;
    nanoseconds end = now_() + options_.min_time;
    while (static_cast<int64_t>(times.size()) < options_.min_runs || now_() < end) {
      RLX_TRY(nanoseconds time, timed_run());
      times.push_back(time.count());
    }
    return latency_of(std::move(times));
  }

 private:
  Result<nanoseconds> timed_run() {
    nanoseconds begin = now_();
    RLX_TRY_VOID(run_());
    return now_() - begin;
  }

  Status warm_up() {
    nanoseconds end = now_() + options_.min_time / kWarmUpPart;
    nanoseconds best = nanoseconds::max();
    int stale = 0;
    do {
      RLX_TRY(nanoseconds time, timed_run());
      // By a hundredth and more.
      const bool faster = time < best - best / 100;
      stale = faster ? 0 : stale + 1;
      best = std::min(best, time);
    } while (stale < kStaleRuns && now_() < end);
    return {};
  }

  const std::function<Status()>& run_;
  const BenchOptions& options_;
  const std::function<nanoseconds()>& now_;
};

}  // namespace

Result<Latency> bench(const std::function<Status()>& run, const BenchOptions& options,
                      const std::function<nanoseconds()>& now) {
  return Bench(run, options, now).measure();
}

Result<Latency> bench(const std::function<Status()>& run, const BenchOptions& options) {
  return bench(run, options,
               [] { return nanoseconds(std::chrono::steady_clock::now().time_since_epoch()); });
}

}  // namespace rlx::driver
