#include "driver/run_statistics.h"

#include <catch2/catch.hpp>
#include <random>

#include "driver/run_bench.h"

namespace rlx::driver {
namespace {

using std::chrono::nanoseconds;

TEST_CASE("one time is all there is") {
  Latency l = latency_of({7});
  CHECK(l.n == 1);
  CHECK(l.median == 7);
  CHECK(l.ci_lo == 7);
  CHECK(l.ci_hi == 7);
  CHECK(l.p99 == 7);
}

TEST_CASE("quantiles lie between ranks") {
  Latency l = latency_of({40, 10, 30, 20});
  CHECK(l.median == 25);
  CHECK(l.mean == 25);
  CHECK(l.min == 10);
  CHECK(l.max == 40);
  CHECK(l.p50 == l.median);
  CHECK(l.p90 == Approx(37));
}

TEST_CASE("the interval holds the median in about 95 of 100 cases") {
  std::mt19937 random(5);
  int held = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    Vec<int64_t> times;
    for (int i = 0; i < 101; ++i) times.push_back(random() % 1000000);
    Latency l = latency_of(times);
    held += l.ci_lo <= 500000 && 500000 <= l.ci_hi;
  }
  CHECK(held > kRounds * 93 / 100);
  CHECK(held < kRounds * 98 / 100);
}

TEST_CASE("verdicts") {
  CHECK(verdict(latency_of(Vec<int64_t>(100, 1000))) == "stable");
  Vec<int64_t> wild;
  for (int i = 0; i < 100; ++i) wild.push_back(1000 + i * 10);
  CHECK(verdict(latency_of(wild)) == "noisy");
}

// A clock that runs tell how far to go.
struct FakeClock {
  nanoseconds time{0};
  std::function<nanoseconds()> now() {
    return [this] { return time; };
  }
};

TEST_CASE("a bench warms up until runs get no faster, then measures long enough") {
  FakeClock clock;
  int runs = 0;
  auto run = [&]() -> Status {
    clock.time += nanoseconds(runs < 10 ? 1000 - 90 * runs : 100);
    ++runs;
    return {};
  };
  auto latency = bench(run, {.min_time = nanoseconds(100000), .min_runs = 5}, clock.now());
  REQUIRE(latency.ok());
  CHECK(latency->max == 100);
  CHECK(latency->n == 1000);
  CHECK(runs == 10 + 1 + 5 + 1000);
}

TEST_CASE("a slow model is run a few times all the same") {
  FakeClock clock;
  auto run = [&]() -> Status {
    clock.time += nanoseconds(1000000);
    return {};
  };
  auto latency = bench(run, {.min_time = nanoseconds(1), .min_runs = 5}, clock.now());
  REQUIRE(latency.ok());
  CHECK(latency->n == 5);
}

TEST_CASE("a run that fails ends the bench") {
  auto run = []() -> Status { return Error(5120, "bad data"); };
  auto latency = bench(run, {});
  REQUIRE(!latency.ok());
  CHECK(latency.error().first().message == "bad data");
}

}  // namespace
}  // namespace rlx::driver
