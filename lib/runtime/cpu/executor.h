// Walks programs on the threads of a pool.
#pragma once
#include <optional>

#include "runtime/cpu/memory.h"
#include "runtime/cpu/pool.h"
#include "runtime/cpu/program.h"
#include "runtime/telling_run.h"

namespace rlx::runtime::cpu {

class Executor {
 public:
  // With check_memory, scratch ends at a page that may not be touched and is NaN before each launch.
  Executor(int threads, bool check_memory);

  int threads() const { return pool_.threads(); }
  // Scratch for programs that need that much; error 11xxx.
  Status reserve_scratch(int64_t bytes);
  // Ahead of run(): the threads get ready.
  void wake() { pool_.wake(); }
  // The first command in their order that met bad data, and of its traps the last, for any number of
  // threads. Commands after it run too: whatever they read, they stay within their buffers.
  Finished run(const Program& program, Steward& steward, bool timed);

 private:
  // Of one thread.
  struct alignas(128) Lane {
    Mapping plain;
    GuardedBlock guarded;
    std::byte* scratch_end = nullptr;
    std::optional<Trapped> trapped;
  };
  struct Walk {
    Executor* executor;
    const Program* program;
    Steward* steward;
    Finished finished = {};
    bool timed = false;
    // By branch of the program that is a loop: the trip that it is at; -1: it is not running. Thread 0's.
    Vec<int64_t> trips = {};
    // Whether the loop at which all are, or the run, goes on: thread 0 says it between two meetings.
    bool goes_on = false;
  };

  void walk(Walk& w, int thread);
  void walk_slowly(Walk& w, int thread);
  // The step behind this one; none where the run ends.
  size_t after(Walk& w, const Step& step, int thread);
  static size_t choose(const Walk& w, const Step& step);
  size_t next_trip(Walk& w, const Step& step, int thread);
  bool begin_trip(Walk& w, const Step& step) const;
  static bool put_away(Walk& w, const Step& step, int64_t trip);
  static void stop(Walk& w, const Step& step, int thread);
  size_t run_alone(Walk& w, uint32_t command, size_t next, int thread);
  bool is_trapped() const;
  void perform(const Program& program, const Step& step, int thread);
  void launch(const Program& program, const Step& step, Turn::Tiles tiles, Lane& lane) const;
  std::optional<Trapped> first_trap();

  Pool pool_;
  const bool check_memory_;
  int64_t scratch_bytes_ = 0;
  // By thread.
  Vec<Lane> lanes_;
};

}  // namespace rlx::runtime::cpu
