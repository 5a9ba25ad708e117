#include "runtime/cuda/walk.h"

#include <chrono>

#include <fmt/format.h>

#include "runtime/codes.h"

namespace rlx::runtime::cuda {
namespace {

using Kind = image::Command::Kind;
using Clock = std::chrono::steady_clock;

// Of a grid's first dimension.
constexpr int64_t kMostBlocks = INT32_MAX;

// What only the host can do, knowing all that ran before.
bool is_host_work(Kind kind) {
  switch (kind) {
    case Kind::kLaunch:
    case Kind::kCopy:
    case Kind::kFill: return false;
    case Kind::kIf:
    case Kind::kLoop:
    case Kind::kTell:
    case Kind::kGive: return true;
  }
  return true;
}

}  // namespace

Result<Works> Walk::works() const {
  Works works;
  for (const Step& step : program_.steps) RLX_TRY_VOID(add(step, works));
  return works;
}

Result<bool> Walk::follow(const Host& host, bool timed, Finished& finished) {
  trips_.assign(program_.branches.size(), -1);
  for (size_t at = 0; at < program_.steps.size();) {
    const Step& step = program_.steps[at];
    if (is_host_work(step.kind)) {
      RLX_TRY(const bool trapped, host.is_trapped());
      if (trapped) return false;
    }
    if (step.kind == Kind::kTell || step.kind == Kind::kGive) {
      // The step may be gone when it has run.
      at = step.next;
      RLX_TRY_VOID(host.steward.run(step.command));
      continue;
    }
    if (step.stops) {
      finished.stopped = Stopped{step.command};
      return true;
    }
    if (is_host_work(step.kind)) {
      RLX_TRY(at, after(host, step, finished));
      continue;
    }
    at = step.next;
    if (timed) RLX_TRY_VOID(start_timed(host, step, finished.times));
    if (!timed) RLX_TRY_VOID(start(step));
  }
  return true;
}

Status Walk::start_timed(const Host& host, const Step& step, Profile& times) {
  if (step.skipped) return {};
  RLX_TRY_VOID(gpu_.wait());
  const auto begin = Clock::now();
  Status done = start(step);
  if (done) done = gpu_.wait();
  const auto time = std::chrono::nanoseconds(Clock::now() - begin);
  if (done && host.check) done = host.check();
  if (!done) return blamed(step, done.error());
  times.items.push_back({step.command, time.count()});
  return {};
}

Error Walk::blamed(const Step& step, const Error& failed) const {
  const image::Command& command = image_.commands[step.command];
  Diagnostic d = failed.first();
  if (step.kind == Kind::kLaunch) {
    d.message = fmt::format("kernel '{}': {}", image_.kernels[step.kernel].name, d.message);
  }
  d.node = fmt::format("{}", fmt::join(command.origin, ", "));
  return Error(std::move(d));
}

Status Walk::start(const Step& step) {
  if (step.kind == Kind::kFill && step.tiles != 0) {
    return gpu_.fill(argument(step, 0), static_cast<size_t>(step.bytes), step.pattern);
  }
  Works works;
  RLX_TRY_VOID(add(step, works));
  return works.all.empty() ? Status() : cuda::start(gpu_, works, works.all[0]);
}

Status Walk::add(const Step& step, Works& works) const {
  if (step.tiles == 0 || step.skipped) return {};
  if (step.kind == Kind::kLaunch) return add_launch(step, works);
  if (step.kind != Kind::kCopy) return {};
  works.all.push_back({.to = argument(step, 0),
                       .from = argument(step, 1),
                       .bytes = static_cast<size_t>(step.bytes)});
  return {};
}

Status Walk::add_launch(const Step& step, Works& works) const {
  if (step.tiles > kMostBlocks) {
    return Error(kUnsupportedCommand, "a kernel has more blocks than a GPU starts", "smaller dims");
  }
  const size_t first = works.values.size();
  const size_t end = step.command + 1 < program_.steps.size()
                         ? program_.steps[step.command + 1].first_argument
                         : program_.argument_buffers.size();
  for (size_t i = 0; step.first_argument + i < end; ++i) works.values.push_back(argument(step, i));
  for (const int64_t symbol : program_.symbols) {
    works.values.push_back(static_cast<uint64_t>(symbol));
  }
  works.values.push_back(spare_.traps + step.command * static_cast<Address>(image::kTrapRoom));
  works.values.push_back(spare_.scratch);
  works.all.push_back({.function = &code_.function(step.kernel),
                       .blocks = static_cast<unsigned>(step.tiles),
                       .first = first,
                       .count = works.values.size() - first});
  return {};
}

template <class T>
Result<T> Walk::value_at(Address from) const {
  T value{};
  RLX_TRY_VOID(gpu_.read(std::as_writable_bytes(std::span(&value, 1)), from));
  RLX_TRY_VOID(gpu_.wait());
  return value;
}

template <class T>
Status Walk::set_value(Address to, T value) const {
  RLX_TRY_VOID(gpu_.write(to, std::as_bytes(std::span(&value, 1))));
  return gpu_.wait();
}

Result<size_t> Walk::after(const Host& host, const Step& step, Finished& finished) {
  const Branch& branch = program_.branches[step.branch];
  size_t block = 0;
  if (step.kind == Kind::kIf) {
    RLX_TRY(const auto condition, value_at<uint8_t>(argument(step, 0)));
    block = condition != 0 ? 0 : 1;
  } else {
    RLX_TRY(const bool goes_on, begin_trip(host, step));
    block = goes_on ? 0 : 1;
  }
  if (!branch.stopped[block]) return branch.begin[block];
  finished.stopped = branch.stopped[block];
  return program_.steps.size();
}

// The slices of a trip.
Status Walk::put_away(const Host& host, const Step& step, int64_t trip) {
  const Vec<Branch::Slice>& slices = program_.branches[step.branch].slices;
  for (size_t s = 0; s < slices.size(); ++s) {
    const auto [bytes, room, grows] = slices[s];
    if (trip >= room || bytes == 0) continue;
    if (grows) RLX_TRY_VOID(host.steward.make_room(step.command, s, (trip + 1) * bytes));
    const Address to = argument(step, 6 + 2 * s) + static_cast<Address>(trip * bytes);
    RLX_TRY_VOID(gpu_.copy(to, argument(step, 5 + 2 * s), static_cast<size_t>(bytes)));
  }
  return {};
}

// Puts away what the trip before gave; whether there is another one, which then has its number and condition.
Result<bool> Walk::begin_trip(const Host& host, const Step& step) {
  int64_t& trip = trips_[step.branch];
  if (trip >= 0) RLX_TRY_VOID(put_away(host, step, trip));
  RLX_TRY(const auto condition, value_at<uint8_t>(argument(step, trip < 0 ? 1 : 4)));
  RLX_TRY(const auto most, value_at<int64_t>(argument(step, 0)));
  ++trip;
  if (trip >= most || condition == 0) {
    trip = -1;
    return false;
  }
  RLX_TRY_VOID(set_value(argument(step, 2), trip));
  RLX_TRY_VOID(set_value(argument(step, 3), uint8_t{1}));
  return true;
}

}  // namespace rlx::runtime::cuda
