#include "runtime/cpu/pool.h"

#include <catch2/catch.hpp>
#include <chrono>

namespace rlx::runtime::cpu {
namespace {

// Every thread adds to its own cell; after each barrier all cells must be equal.
struct Rounds {
  Pool* pool;
  Vec<int> cells;
  Vec<int> wrong;
  int rounds;
};

void count_together(void* context, int thread) {
  auto& work = *static_cast<Rounds*>(context);
  for (int round = 0; round < work.rounds; ++round) {
    int before = work.cells[thread]++;
    work.pool->barrier(thread);
    for (int cell : work.cells) work.wrong[thread] += cell != before + 1;
    work.pool->barrier(thread);
  }
}

void check_rounds(int threads, int runs, int rounds, std::chrono::microseconds pause = {}) {
  Pool pool(threads);
  Rounds work{&pool, Vec<int>(threads), Vec<int>(threads), rounds};
  for (int run = 0; run < runs; ++run) {
    pool.run(count_together, &work);
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
  }
  CHECK(work.cells == Vec<int>(threads, runs * rounds));
  CHECK(work.wrong == Vec<int>(threads, 0));
}

TEST_CASE("threads meet at barriers and see what others wrote") {
  for (int threads : {1, 2, 3, 4}) check_rounds(threads, 50, 20);
}

TEST_CASE("many threads meet in groups") {
  for (int threads : {8, 9, 17}) check_rounds(threads, 5, 5);
}

TEST_CASE("threads that sleep are woken by the next run") {
  check_rounds(2, 10, 3, std::chrono::milliseconds(2));
  check_rounds(4, 5, 3, std::chrono::milliseconds(1));
}

TEST_CASE("a call without a run changes nothing") {
  Pool pool(2);
  Rounds work{&pool, Vec<int>(2), Vec<int>(2), 1};
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  pool.wake();
  pool.run(count_together, &work);
  CHECK(work.cells == Vec<int>{1, 1});
}

TEST_CASE("a pool without a run ends") {
  for (int threads : {1, 2, 4}) Pool pool(threads);
}

}  // namespace
}  // namespace rlx::runtime::cpu
