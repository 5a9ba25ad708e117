// Threads that run one task together and meet at barriers in it.
//
// There is no queue: every thread is given the same task and knows by its number what is its own. Waiting
// inside a task spins, since the others are microseconds away; between tasks a thread spins for a while,
// then sleeps. With one thread nothing is started and nothing synchronised.
#pragma once
#include <atomic>
#include <memory>
#include <thread>

#include "support/result.h"

namespace rlx::runtime::cpu {

class Pool {
 public:
  using Task = void (*)(void* context, int thread);

  // Starts threads - 1 workers; the caller of run() is thread 0.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return threads_; }
  // Calls task(context, thread) on every thread; returns when all have returned.
  void run(Task task, void* context);
  // Within a task: returns when every thread is here, and what they wrote before is seen.
  void barrier(int thread);
  // Calls sleeping workers back to spinning, ahead of a run().
  void wake();

 private:
  // A line of its own and the one that the CPU fetches beside it.
  struct alignas(128) Line {
    std::atomic<uint32_t> phase{0};
  };

  void work(int thread);
  uint32_t next_generation(uint32_t seen);
  void sleep(uint32_t seen);
  void meet_in_groups(int thread, uint32_t phase);

  const int threads_;
  Task task_ = nullptr;
  void* context_ = nullptr;
  // By thread: how many barriers it has come to.
  std::unique_ptr<Line[]> arrived_;
  // By group of threads: how many barriers all of it has come to, and has been let go from.
  std::unique_ptr<Line[]> group_arrived_, group_released_;
  // Counts the runs; what sleepers wait for.
  alignas(128) std::atomic<uint32_t> generation_{0};
  alignas(128) std::atomic<int> sleepers_{0};
  std::atomic<bool> ending_{false};
  Vec<std::thread> workers_;
};

}  // namespace rlx::runtime::cpu
