#include "cache/leftovers.h"

#include <algorithm>
#include <set>

#include <fcntl.h>
#include <sys/sysinfo.h>

#include "cache/clock.h"
#include "cache/inflight.h"
#include "cache/key.h"
#include "cache/lock.h"

namespace rlx::cache {
namespace {

constexpr int64_t kHour = 3600, kDay = 24 * kHour;
constexpr int64_t kStampLife = 60 * kDay;
constexpr int64_t kMaxQuarantine = int64_t{256} << 20;
constexpr const char* kCollected = "collected";

struct Found {
  std::string name;
  int64_t bytes = 0, mtime = 0;
};

Vec<Found> files_of(const Folder& folder) {
  Vec<Found> files;
  if (!folder.ok()) return files;
  for (std::string& name : folder.names()) {
    struct stat s;
    if (::fstatat(folder.fd(), name.c_str(), &s, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISDIR(s.st_mode)) files.push_back({std::move(name), s.st_size, s.st_mtim.tv_sec});
  }
  return files;
}

class Cleaner {
 public:
  explicit Cleaner(const Folder& root) : root_(root) {}

  Leftovers run() {
    for (const std::string& name : root_.names()) names_.insert(name);
    remove_orphans();
    remove_temporary();
    remove_stamps();
    remove_old("plans");
    remove_old("jit");
    remove_quarantined();
    remove_notes();
    return out_;
  }

 private:
  void remove(const Folder& folder, const Found& file) {
    if (!folder.remove(file.name)) return;
    ++out_.files;
    out_.bytes += file.bytes;
  }

  // An LIR is written moments before its record.
  void remove_orphans() {
    constexpr std::string_view kLir = ".lir.json";
    const SweepLock lock = SweepLock::try_acquire(root_);
    if (!lock.held()) return;
    for (const Found& file : files_of(root_)) {
      if (!file.name.ends_with(kLir) || file.mtime > now_s() - kHour) continue;
      const std::string key = file.name.substr(0, file.name.size() - kLir.size());
      if (!names_.contains(meta_name(key))) remove(root_, file);
    }
  }

  void remove_temporary() {
    const Folder temporary = root_.below("tmp");
    for (const Found& file : files_of(temporary)) {
      if (file.mtime < now_s() - kHour) remove(temporary, file);
    }
    const Folder notes = root_.below("inflight");
    for (const Found& file : files_of(notes)) {
      if (!is_at_work(root_, file.name)) remove(notes, file);
    }
  }

  // Where an entry's constants lie stays known as long as there is the entry.
  bool is_source(const std::string& name) const {
    constexpr std::string_view kSources = ".sources";
    return name.ends_with(kSources) &&
           names_.contains(meta_name(name.substr(0, name.size() - kSources.size())));
  }

  void remove_stamps() {
    const std::string current = "verified-" + boot_id();
    const Folder stamps = root_.below("stamps");
    for (const Found& file : files_of(stamps)) {
      if (is_source(file.name)) continue;
      const bool other_boot = file.name.starts_with("verified-") && file.name != current;
      if (other_boot || file.mtime < now_s() - kStampLife) remove(stamps, file);
    }
  }

  // Made anew where they are missed.
  void remove_old(const std::string& name) {
    const Folder folder = root_.below(name);
    for (const Found& file : files_of(folder)) {
      if (file.mtime < now_s() - kStampLife) remove(folder, file);
    }
  }

  // Newest kept.
  void remove_quarantined() {
    const Folder quarantine = root_.below("quarantine");
    Vec<Found> files = files_of(quarantine);
    std::ranges::sort(files, std::greater(), &Found::mtime);
    int64_t kept = 0;
    for (const Found& file : files) {
      kept += file.bytes;
      if (kept > kMaxQuarantine) remove(quarantine, file);
    }
  }

  void remove_notes() {
    constexpr std::string_view kJson = ".json";
    const Folder stats = root_.below("stats");
    for (const Found& file : files_of(stats)) {
      if (!file.name.ends_with(kJson)) continue;
      const std::string key = file.name.substr(0, file.name.size() - kJson.size());
      if (!names_.contains(meta_name(key))) remove(stats, file);
    }
  }

  const Folder& root_;
  std::set<std::string> names_;
  Leftovers out_;
};

std::optional<int64_t> last_collection(const Folder& root) {
  const Folder stats = root.below("stats");
  struct stat s;
  if (!stats.ok() || ::fstatat(stats.fd(), kCollected, &s, AT_SYMLINK_NOFOLLOW) != 0) return {};
  return s.st_mtim.tv_sec;
}

}  // namespace

Leftovers remove_leftovers(const Folder& root) { return Cleaner(root).run(); }

bool is_due(const Folder& root, int64_t interval_s) {
  if (interval_s == INT64_MAX) return false;
  auto last = last_collection(root);
  if (last) return *last > now_s() || now_s() - *last >= interval_s;
  // A new cache has nothing to collect yet.
  note_collection(root);
  return false;
}

void note_collection(const Folder& root) {
  const Folder stats = root.make("stats");
  if (stats.ok()) (void)put_file(stats, root, kCollected, {}, Durability::kFast);
}

bool clock_jumped(const Folder& root) {
  auto last = last_collection(root);
  if (!last) return false;
  const int64_t passed = now_s() - *last;
  struct sysinfo info;
  const int64_t uptime = ::sysinfo(&info) == 0 ? info.uptime : 0;
  return passed < -kHour || (passed > 30 * kDay && uptime < passed);
}

}  // namespace rlx::cache
