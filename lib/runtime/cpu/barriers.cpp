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

bool Barriers::needed_before(uint32_t command, bool solo) {
  const bool needed = waits_for_open(command, solo) || shares_memory(command, solo);
  if (needed) {
    open_ = command;
    by_solo_.clear();
    by_all_.clear();
  }
  open(command, solo);
  return needed;
}

bool Barriers::waits_for_open(uint32_t command, bool solo) const {
  return std::ranges::any_of(image_.commands[command].waits, [&](uint32_t earlier) {
    return earlier >= open_ && !(solo && solo_[earlier]);
  });
}

bool Barriers::shares_memory(uint32_t command, bool solo) const {
  return std::ranges::any_of(image_.commands[command].buffers, [&](uint32_t b) {
    const int64_t from = placement_.offsets[b], end = from + placement_.bytes[b];
    if (from < 0) return false;
    return by_all_.by_other(b, from, end) || (!solo && by_solo_.by_other(b, from, end));
  });
}

void Barriers::open(uint32_t command, bool solo) {
  solo_.push_back(solo);
  for (const uint32_t b : image_.commands[command].buffers) {
    const int64_t from = placement_.offsets[b];
    if (from >= 0) (solo ? by_solo_ : by_all_).add(b, from, from + placement_.bytes[b]);
  }
}

}  // namespace rlx::runtime::cpu
