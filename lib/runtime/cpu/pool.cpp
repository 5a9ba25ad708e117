#include "runtime/cpu/pool.h"

#include <chrono>
#include <climits>

#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/cpu/cores.h"

namespace rlx::runtime::cpu {
namespace {

using Clock = std::chrono::steady_clock;

// About a microsecond of plain loads: under a hypervisor a pause takes longer than most waits here.
constexpr int kPlainSpins = 500;
// Between two looks at the clock, and before the CPU is offered to others.
constexpr int kPausesPerLook = 64;
constexpr int kPausesPerYield = 2048;
constexpr auto kIdleTime = std::chrono::microseconds(200);

// Threads that meet directly, each looking at all others: more of them meet in groups of that many.
constexpr int kGroup = 8;

// Of counters that wrap around.
bool reached(const std::atomic<uint32_t>& counter, uint32_t value) {
  return static_cast<int32_t>(counter.load(std::memory_order_acquire) - value) >= 0;
}

bool spin_plainly(auto ready) {
  for (int i = 0; i < kPlainSpins; ++i) {
    if (ready()) return true;
  }
  return false;
}

// Without end: what is waited for is being worked on. Yields now and then, lest the worker be without a CPU.
void spin_until(auto ready) {
  if (spin_plainly(ready)) return;
  for (int pauses = 1; !ready(); ++pauses) {
    if (pauses % kPausesPerYield == 0) sched_yield();
    _mm_pause();
  }
}

// Until the idle time is over; whether it came.
bool spin_a_while(auto ready) {
  if (spin_plainly(ready)) return true;
  auto end = Clock::now() + kIdleTime;
  for (int pauses = 1; !ready(); ++pauses) {
    if (pauses % kPausesPerLook == 0 && Clock::now() > end) return false;
    _mm_pause();
  }
  return true;
}

void wait_until(const std::atomic<uint32_t>& counter, uint32_t value) {
  spin_until([&] { return reached(counter, value); });
}

void arrive(std::atomic<uint32_t>& counter, uint32_t value) {
  counter.store(value, std::memory_order_release);
}

// To any other CPU that it may run on; afterwards the system may place it as it likes.
void leave_cpu(int cpu) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(cpu, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
  (void)sched_setaffinity(0, sizeof allowed, &allowed);
}

int group_of(int thread) { return thread / kGroup; }
int groups_of(int threads) { return group_of(threads - 1) + 1; }

}  // namespace

Pool::Pool(int threads) : threads_(threads), arrived_(std::make_unique<Line[]>(threads)) {
  RLX_CHECK(threads >= 1);
  group_arrived_ = std::make_unique<Line[]>(groups_of(threads));
  group_released_ = std::make_unique<Line[]>(groups_of(threads));
  // Some systems start a thread on its creator's CPU and leave it there for as long as a first run takes, though others are
  // idle.
  const int cpu = threads > 1 && has_idle_cpus(threads - 1) ? sched_getcpu() : -1;
  for (int thread = 1; thread < threads; ++thread) {
    workers_.emplace_back([this, thread, cpu] {
      if (cpu >= 0 && sched_getcpu() == cpu) leave_cpu(cpu);
      work(thread);
    });
  }
}

Pool::~Pool() {
  ending_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1);
  wake();
  for (std::thread& worker : workers_) worker.join();
}

void Pool::run(Task task, void* context) {
  if (threads_ == 1) return task(context, 0);
  task_ = task;
  context_ = context;
  // Sequentially consistent, as in sleep(): either this sees the sleeper or the sleeper sees the run.
  generation_.fetch_add(1);
  if (sleepers_.load() > 0) wake();
  task(context, 0);
  barrier(0);
}

void Pool::wake() {
  if (threads_ == 1) return;
  syscall(SYS_futex, &generation_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void Pool::work(int thread) {
  for (uint32_t seen = 0;;) {
    seen = next_generation(seen);
    if (ending_.load(std::memory_order_relaxed)) return;
    task_(context_, thread);
    barrier(thread);
  }
}

uint32_t Pool::next_generation(uint32_t seen) {
  auto changed = [&] { return generation_.load(std::memory_order_acquire) != seen; };
  while (!spin_a_while(changed)) sleep(seen);
  return seen + 1;
}

void Pool::sleep(uint32_t seen) {
  sleepers_.fetch_add(1);
  // The system compares once more; a wake() without a run ends the sleep too.
  if (generation_.load() == seen) {
    syscall(SYS_futex, &generation_, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
  }
  sleepers_.fetch_sub(1);
}

void Pool::barrier(int thread) {
  if (threads_ == 1) return;
  const uint32_t phase = arrived_[thread].phase.load(std::memory_order_relaxed) + 1;
  arrive(arrived_[thread].phase, phase);
  if (threads_ > kGroup) return meet_in_groups(thread, phase);
  for (int other = 0; other < threads_; ++other) wait_until(arrived_[other].phase, phase);
}

// The first thread of a group waits for the others of it, then for the first ones of the other groups, and
// lets its group go.
void Pool::meet_in_groups(int thread, uint32_t phase) {
  const int group = group_of(thread), first = group * kGroup;
  if (thread != first) return wait_until(group_released_[group].phase, phase);
  const int end = std::min(first + kGroup, threads_);
  for (int member = first; member < end; ++member) wait_until(arrived_[member].phase, phase);
  arrive(group_arrived_[group].phase, phase);
  for (int other = 0; other < groups_of(threads_); ++other) {
    wait_until(group_arrived_[other].phase, phase);
  }
  arrive(group_released_[group].phase, phase);
}

}  // namespace rlx::runtime::cpu
