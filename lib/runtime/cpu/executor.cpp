#include "runtime/cpu/executor.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

#include <immintrin.h>

#include "runtime/cpu/border.h"
#include "runtime/cpu/fault_report.h"

namespace rlx::runtime::cpu {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = image::Command::Kind;

// Subnormals count, and rounding is to the nearest, whatever the calling thread was set to: results equal
// the interpreter's, bit for bit.
class PlainFloats {
 public:
  PlainFloats() : before_(_mm_getcsr()) { _mm_setcsr(kDefault); }
  ~PlainFloats() { _mm_setcsr(before_); }
  PlainFloats(const PlainFloats&) = delete;
  PlainFloats& operator=(const PlainFloats&) = delete;

 private:
  static constexpr unsigned kDefault = 0x1f80;

  unsigned before_;
};

// The bytes of a copy or fill that these tiles are.
struct Range {
  int64_t begin, size;
};

Range range_of(const Step& step, Turn::Tiles tiles) {
  const int64_t begin = tiles.first * kBytesPerTile;
  return {begin, std::min(tiles.last * kBytesPerTile, step.bytes) - begin};
}

void copy(void* const* buffers, Range range) {
  auto* to = static_cast<std::byte*>(buffers[0]);
  const auto* from = static_cast<const std::byte*>(buffers[1]);
  std::memcpy(to + range.begin, from + range.begin, range.size);
}

void fill(void* const* buffers, std::string_view pattern, Range range) {
  auto* to = static_cast<std::byte*>(buffers[0]) + range.begin;
  fill_with_pattern({to, static_cast<size_t>(range.size)}, pattern, range.begin % pattern.size());
}

}  // namespace

Executor::Executor(int threads, bool check_memory)
    : pool_(threads), check_memory_(check_memory), lanes_(threads) {}

Status Executor::reserve_scratch(int64_t bytes) {
  if (bytes <= scratch_bytes_) return {};
  for (Lane& lane : lanes_) {
    if (check_memory_) {
      RLX_TRY(lane.guarded, GuardedBlock::make(bytes));
      lane.scratch_end = lane.guarded.data() + bytes;
    } else {
      RLX_TRY(lane.plain, Mapping::make(bytes));
      lane.scratch_end = lane.plain.data() + lane.plain.size();
    }
  }
  scratch_bytes_ = bytes;
  return {};
}

Finished Executor::run(const Program& program, Steward& steward, bool timed) {
  Walk walk{.executor = this, .program = &program, .steward = &steward, .timed = timed};
  walk.trips.assign(program.branches.size(), -1);
  auto task = [](void* context, int thread) {
    auto& w = *static_cast<Walk*>(context);
    const PlainFloats floats;
    if (w.timed) return w.executor->walk_slowly(w, thread);
    w.executor->walk(w, thread);
  };
  pool_.run(task, &walk);
  walk.finished.trapped = first_trap();
  return std::move(walk.finished);
}

void Executor::walk(Walk& w, int thread) {
  const Program& program = *w.program;
  for (size_t at = 0; at < program.steps.size();) {
    const Step& step = program.steps[at];
    if (step.kind == Kind::kTell || step.kind == Kind::kGive) {
      at = run_alone(w, step.command, step.next, thread);
      continue;
    }
    if (step.stops) return stop(w, step, thread);
    if (program.turns[at].barrier) pool_.barrier(thread);
    perform(program, step, thread);
    at = after(w, step, thread);
  }
}

// All threads see the same: nobody waits for the others.
void Executor::stop(Walk& w, const Step& step, int thread) {
  if (thread == 0) w.finished.stopped = Stopped{step.command};
}

size_t Executor::after(Walk& w, const Step& step, int thread) {
  if (step.kind != Kind::kIf && step.kind != Kind::kLoop) return step.next;
  const Branch& branch = w.program->branches[step.branch];
  const size_t block = step.kind == Kind::kIf ? choose(w, step) : next_trip(w, step, thread);
  if (w.finished.failed && !w.goes_on && step.kind == Kind::kLoop) return w.program->steps.size();
  if (!branch.stopped[block]) return branch.begin[block];
  if (thread == 0) w.finished.stopped = branch.stopped[block];
  return w.program->steps.size();
}

// Nobody looks at a step while the program changes.
size_t Executor::run_alone(Walk& w, uint32_t command, size_t next, int thread) {
  pool_.barrier(thread);
  if (thread == 0) {
    const Status done = is_trapped() ? Status() : w.steward->run(command);
    w.goes_on = done.ok() && !is_trapped();
    if (!done) w.finished.failed = done.error();
  }
  pool_.barrier(thread);
  return w.goes_on ? next : w.program->steps.size();
}

// After bad data nobody knows what is told.
bool Executor::is_trapped() const {
  return std::ranges::any_of(lanes_, [](const Lane& l) { return l.trapped.has_value(); });
}

size_t Executor::choose(const Walk& w, const Step& step) {
  const auto* condition = static_cast<const uint8_t*>(w.program->arguments[step.first_argument]);
  return *condition != 0 ? 0 : 1;
}

size_t Executor::next_trip(Walk& w, const Step& step, int thread) {
  if (thread == 0) w.goes_on = begin_trip(w, step);
  pool_.barrier(thread);
  return w.goes_on ? 0 : 1;
}

// The slices of a trip; false where there is no memory for them.
bool Executor::put_away(Walk& w, const Step& step, int64_t trip) {
  const Program& program = *w.program;
  const Vec<Branch::Slice>& slices = program.branches[step.branch].slices;
  for (size_t s = 0; s < slices.size(); ++s) {
    const auto [bytes, room, grows] = slices[s];
    if (trip >= room || bytes == 0) continue;
    const Status made =
        grows ? w.steward->make_room(step.command, s, (trip + 1) * bytes) : Status();
    if (!made) {
      w.finished.failed = made.error();
      return false;
    }
    void* const* buffers = program.arguments.data() + step.first_argument;
    auto* to = static_cast<std::byte*>(buffers[6 + 2 * s]) + trip * bytes;
    std::memcpy(to, buffers[5 + 2 * s], static_cast<size_t>(bytes));
  }
  return true;
}

// Puts away what the trip before gave; whether there is another one, which then has its number and condition. After bad
// data nobody knows what a condition is worth.
bool Executor::begin_trip(Walk& w, const Step& step) const {
  int64_t& trip = w.trips[step.branch];
  const bool has_room = trip < 0 || put_away(w, step, trip);
  void* const* buffers = w.program->arguments.data() + step.first_argument;
  const void* condition = buffers[trip < 0 ? 1 : 4];
  ++trip;
  const bool goes_on = has_room && !is_trapped() &&
                       trip < *static_cast<const int64_t*>(buffers[0]) &&
                       *static_cast<const uint8_t*>(condition) != 0;
  if (goes_on) {
    *static_cast<int64_t*>(buffers[2]) = trip;
    *static_cast<uint8_t*>(buffers[3]) = 1;
  } else {
    trip = -1;
  }
  return goes_on;
}

// Everyone waits for the step before: what thread 0 sees between two barriers is the step's time.
void Executor::walk_slowly(Walk& w, int thread) {
  const Program& program = *w.program;
  for (size_t at = 0; at < program.steps.size();) {
    const Step& step = program.steps[at];
    if (step.kind == Kind::kTell || step.kind == Kind::kGive) {
      at = run_alone(w, step.command, step.next, thread);
      continue;
    }
    if (step.stops) return stop(w, step, thread);
    pool_.barrier(thread);
    if (step.kind == Kind::kIf || step.kind == Kind::kLoop) {
      at = after(w, step, thread);
      continue;
    }
    if (step.skipped) {
      at = step.next;
      continue;
    }
    auto begin = Clock::now();
    perform(program, step, thread);
    pool_.barrier(thread);
    auto time = std::chrono::nanoseconds(Clock::now() - begin);
    if (thread == 0) w.finished.times.items.push_back({step.command, time.count()});
    at = step.next;
  }
}

void Executor::perform(const Program& program, const Step& step, int thread) {
  const Turn& turn = program.turns[step.command];
  const Turn::Tiles tiles = turn.tiles_of(thread);
  if (tiles.first == tiles.last || step.skipped) return;
  void* const* buffers = program.arguments.data() + step.first_argument;
  switch (step.kind) {
    case Kind::kLaunch: return launch(program, step, tiles, lanes_[thread]);
    case Kind::kCopy: return copy(buffers, range_of(step, tiles));
    case Kind::kFill:
      if (step.border != nullptr) return fill_border(buffers[0], step, tiles);
      return fill(buffers, step.pattern, range_of(step, tiles));
    case Kind::kIf:
    case Kind::kLoop:
    case Kind::kTell:
    case Kind::kGive: return;
  }
}

void Executor::launch(const Program& program, const Step& step, Turn::Tiles tiles,
                      Lane& lane) const {
  std::byte* scratch = lane.scratch_end - step.bytes;
  if (check_memory_) {
    std::memset(scratch, 0xff, step.bytes);
    FaultReport::at_command(step.command);
  }
  auto* trap = new (scratch) image::Trap{};
  program.turns[step.command].function(program.arguments.data() + step.first_argument,
                                       program.symbols.data(), tiles.first, tiles.last, scratch);
  if (check_memory_) FaultReport::at_nothing();
  if (trap->site != 0 && !lane.trapped) lane.trapped = {step.command, *trap};
}

// Threads have ascending tiles: of one command's traps the last thread's is the last one, as with one
// thread.
std::optional<Trapped> Executor::first_trap() {
  std::optional<Trapped> first;
  for (Lane& lane : lanes_) {
    if (lane.trapped && (!first || lane.trapped->command <= first->command)) first = lane.trapped;
    lane.trapped.reset();
  }
  return first;
}

}  // namespace rlx::runtime::cpu
