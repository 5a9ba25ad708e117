#include "driver/run_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rlx::driver {
namespace {

// Between the two nearest ranks, as numpy does it.
double quantile(const Vec<int64_t>& sorted, double q) {
  const double rank = q * static_cast<double>(sorted.size() - 1);
  auto below = static_cast<size_t>(rank);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = rank - static_cast<double>(below);
  auto low = static_cast<double>(sorted[below]), high = static_cast<double>(sorted[above]);
  return low + part * (high - low);
}

// How many ranks off the middle the 95 % interval of the median ends: half of 1.96 deviations of a
// binomial of n fair coins.
double ranks_off(size_t n) { return 0.98 * std::sqrt(static_cast<double>(n)); }

double at_rank(const Vec<int64_t>& sorted, double rank) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return static_cast<double>(sorted[static_cast<size_t>(std::clamp(rank, 0.0, last))]);
}

}  // namespace

Latency latency_of(Vec<int64_t> ns) {
  RLX_CHECK(!ns.empty());
  std::ranges::sort(ns);
  const double middle = static_cast<double>(ns.size() - 1) / 2, off = ranks_off(ns.size());
  const double sum = std::accumulate(ns.begin(), ns.end(), 0.0);
  Latency latency{.n = static_cast<int64_t>(ns.size()), .median = quantile(ns, 0.5)};
  latency.ci_lo = at_rank(ns, std::floor(middle - off));
  latency.ci_hi = at_rank(ns, std::ceil(middle + off));
  latency.mean = sum / static_cast<double>(ns.size());
  latency.min = static_cast<double>(ns.front());
  latency.max = static_cast<double>(ns.back());
  latency.p50 = latency.median;
  latency.p90 = quantile(ns, 0.9);
  latency.p99 = quantile(ns, 0.99);
  return latency;
}

std::string_view verdict(const Latency& latency) { return latency.is_noisy() ? "noisy" : "stable"; }

}  // namespace rlx::driver
