// What happened in a cache, for people: a line an event in stats/events, appended, disposable.
#pragma once
#include <map>
#include <string>

#include "cache/folder.h"

namespace rlx::cache {

// The letters of the file.
enum class Event : char {
  kHit = 'h',
  kLayerHit = 'l',
  kAbsent = 'a',
  kOtherAction = 'o',
  kDamaged = 'd',
  kForeign = 'f',
  kUnsigned = 'n',
  kUnreadable = 'x',
  kStored = 's',
  kError = 'e',
  kRemoved = 'r',
  // Held up by another process that compiled the same; its number is milliseconds.
  kWaited = 'w',
  // From or to a remote; its number is bytes.
  kPulled = 'p',
  kPushed = 'u',
};

// "hits", "misses: absent", ...: the name under which it is reported.
std::string_view name(Event event);

// Without effect where the folder cannot be written.
void note_event(const Folder& root, Event event, std::string_view key, int64_t number = 0);

struct Tally {
  int64_t count = 0;
  int64_t sum = 0;
  // How often each key had it.
  std::map<std::string, int64_t> keys = {};
};
// Events from `since_s` on, by kind.
std::map<Event, Tally> tally_events(const Folder& root, int64_t since_s);
void forget_events(const Folder& root);

}  // namespace rlx::cache
