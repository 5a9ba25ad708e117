#include "runtime/cpu/barriers.h"

#include <algorithm>

namespace rlx::runtime::cpu {

bool MemoryInUse::by_other(uint32_t buffer, int64_t from, int64_t end) const {
  auto s = stretches_.upper_bound(from);
  if (s != stretches_.begin() && std::prev(s)->second.end > from) --s;
  for (; s != stretches_.end() && s->first < end; ++s) {
    if (s->second.buffer != buffer) return true;
  }
  return false;
}

void MemoryInUse::add(uint32_t buffer, int64_t from, int64_t end) {
  cut(from);
  cut(end);
  auto s = stretches_.lower_bound(from);
  while (from < end) {
    const int64_t next = s == stretches_.end() ? end : std::min(s->first, end);
    if (from < next) {
      stretches_.emplace_hint(s, from, Stretch{next, buffer});
      from = next;
      continue;
    }
    if (s->second.buffer != buffer) s->second.buffer = kSeveral;
    from = s->second.end;
    ++s;
  }
}

// No stretch goes over `at` afterwards.
void MemoryInUse::cut(int64_t at) {
  auto s = stretches_.lower_bound(at);
  if (s == stretches_.begin()) return;
  Stretch& before = std::prev(s)->second;
  if (before.end <= at) return;
  stretches_.emplace_hint(s, at, before);
  before.end = at;
}

void Barriers::begin(uint32_t command) {
  open_ = command;
  in_use_.clear();
}

bool Barriers::needed_before(uint32_t command, int owner) {
  const bool needed = waits_for_open(command, owner) || shares_memory(command, owner);
  if (needed) begin(command);
  open(command, owner);
  return needed;
}

bool Barriers::is_alone_with(int owner, uint32_t earlier) const {
  return owner != kAllThreads && owners_[earlier] == owner;
}

bool Barriers::waits_for_open(uint32_t command, int owner) const {
  return std::ranges::any_of(image_.commands[command].waits, [&](uint32_t earlier) {
    return earlier >= open_ && !is_alone_with(owner, earlier);
  });
}

bool Barriers::shares_memory(uint32_t command, int owner) const {
  return std::ranges::any_of(image_.commands[command].buffers, [&](uint32_t b) {
    const int64_t from = placement_.offsets[b], end = from + placement_.bytes[b];
    if (from < 0) return false;
    return std::ranges::any_of(in_use_, [&](const auto& by) {
      const bool alone = owner != kAllThreads && by.first == owner;
      return !alone && by.second.by_other(b, from, end);
    });
  });
}

void Barriers::open(uint32_t command, int owner) {
  owners_.push_back(owner);
  for (const uint32_t b : image_.commands[command].buffers) {
    const int64_t from = placement_.offsets[b];
    if (from >= 0) in_use_[owner].add(b, from, from + placement_.bytes[b]);
  }
}

}  // namespace rlx::runtime::cpu
