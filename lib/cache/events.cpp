#include "cache/events.h"

#include <charconv>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace rlx::cache {
namespace {

constexpr const char* kFile = "events";
constexpr const char* kOlder = "events.old";
// About 40,000 lines; then a new file is begun and the one before forgotten.
constexpr off_t kMaxEventsSize = off_t{4} << 20;

template <class Number>
bool next(std::string_view& line, Number& number) {
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc()) return false;
  line.remove_prefix(static_cast<size_t>(end - line.data()));
  if (line.starts_with(' ')) line.remove_prefix(1);
  return true;
}

// "h 1764000000 0 KEY".
void add_line(std::string_view line, int64_t since_s, std::map<Event, Tally>& all) {
  if (line.size() < 2 || line[1] != ' ') return;
  auto event = static_cast<Event>(line[0]);
  line.remove_prefix(2);
  int64_t time = 0, number = 0;
  if (name(event).empty() || !next(line, time) || !next(line, number) || time < since_s) return;
  Tally& tally = all[event];
  ++tally.count;
  tally.sum += number;
  ++tally.keys[std::string(line)];
}

void add_file(const Folder& stats, const char* file, int64_t since_s, std::map<Event, Tally>& all) {
  auto text = stats.read(file, static_cast<size_t>(kMaxEventsSize) * 2);
  if (!text) return;
  for (std::string_view rest = *text; !rest.empty();) {
    const size_t end = rest.find('\n');
    add_line(rest.substr(0, end), since_s, all);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

}  // namespace

std::string_view name(Event event) {
  switch (event) {
    case Event::kHit: return "hits";
    case Event::kLayerHit: return "hits in a layer";
    case Event::kAbsent: return "misses, absent";
    case Event::kOtherAction: return "misses, of another request";
    case Event::kDamaged: return "misses, damaged";
    case Event::kForeign: return "misses, of another format";
    case Event::kUnreadable: return "misses, not to be read";
    case Event::kUnsigned: return "misses, not signed";
    case Event::kStored: return "stored";
    case Event::kError: return "not stored for trouble";
    case Event::kRemoved: return "removed";
    case Event::kWaited: return "waited for another process";
    case Event::kPulled: return "pulled";
    case Event::kPushed: return "pushed";
  }
  return "";
}

void note_event(const Folder& root, Event event, std::string_view key, int64_t number) {
  const Folder stats = root.make("stats");
  if (!stats.ok()) return;
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const Fd fd(::openat(stats.fd(), kFile, kFlags, 0600));
  struct stat s;
  if (!fd.ok() || ::fstat(fd.get(), &s) != 0 || !S_ISREG(s.st_mode) || s.st_nlink != 1) return;
  // One write, so that lines of several processes do not mix.
  const std::string line = fmt::format("{} {} {} {}\n", static_cast<char>(event),
                                       static_cast<int64_t>(::time(nullptr)), number, key);
  write_all(fd.get(), bytes_of(line));
  if (s.st_size > kMaxEventsSize) ::renameat(stats.fd(), kFile, stats.fd(), kOlder);
}

std::map<Event, Tally> tally_events(const Folder& root, int64_t since_s) {
  std::map<Event, Tally> all;
  const Folder stats = root.below("stats");
  if (!stats.ok()) return all;
  add_file(stats, kOlder, since_s, all);
  add_file(stats, kFile, since_s, all);
  return all;
}

void forget_events(const Folder& root) {
  const Folder stats = root.below("stats");
  if (!stats.ok()) return;
  stats.remove(kOlder);
  stats.remove(kFile);
}

}  // namespace rlx::cache
