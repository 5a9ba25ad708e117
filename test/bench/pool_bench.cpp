// What the thread pool costs: nanoseconds for an empty run() and for a barrier, the best of many rounds.
//
//   bench_pool_bench [THREADS...]
#include "runtime/cpu/pool.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

using rlx::runtime::cpu::Pool;

constexpr int kRounds = 200;
constexpr int kPerRound = 1000;

struct Work {
  Pool* pool;
  int barriers;
};

void meet(void* context, int thread) {
  auto& work = *static_cast<Work*>(context);
  for (int i = 0; i < work.barriers; ++i) work.pool->barrier(thread);
}

// The fastest of the rounds: the machine may be busy in others.
template <class Round>
double best_ns(Round round) {
  double best = 1e18;
  for (int i = 0; i < kRounds; ++i) {
    auto begin = std::chrono::steady_clock::now();
    round();
    std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
    best = std::min(best, time.count());
  }
  return best / kPerRound;
}

void measure(int threads) {
  Pool pool(threads);
  Work nothing{&pool, 0}, barriers{&pool, kPerRound};
  double run = best_ns([&] {
    for (int i = 0; i < kPerRound; ++i) pool.run(meet, &nothing);
  });
  double barrier = best_ns([&] { pool.run(meet, &barriers); });
  std::printf("%2d threads: run %6.0f ns  barrier %6.0f ns\n", threads, run, barrier);
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) measure(std::max(1, std::atoi(argv[i])));
  if (argc == 1) measure(2);
}
