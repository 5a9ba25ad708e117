#include "cache/collect.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <thread>
#include <unordered_map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cache/clock.h"
#include "cache/codes.h"
#include "cache/key.h"
#include "cache/leftovers.h"
#include "cache/names.h"
#include "cache/records.h"
#include "cache/signature.h"
#include "support/log.h"

namespace rlx::cache {
namespace {

using std::chrono::steady_clock;

constexpr size_t kBatch = 256;
constexpr auto kHold = std::chrono::milliseconds(20);
constexpr auto kPause = std::chrono::milliseconds(2);

struct DigestHash {
  size_t operator()(const Digest& d) const {
    size_t bits = 0;
    std::memcpy(&bits, d.bytes.data(), sizeof bits);
    return bits;
  }
};

struct BlobFile {
  int64_t bytes = 0;
  uint32_t users = 0;
  bool stored = false;
};
using BlobTable = std::unordered_map<Digest, BlobFile, DigestHash>;

// What tells one record of a key from the next: file systems use inodes again.
struct State {
  ino_t inode = 0;
  int64_t mtime_ns = 0, ctime_ns = 0;

  bool operator==(const State&) const = default;
};

State state_of(const struct stat& s) {
  return {s.st_ino, nanoseconds(s.st_mtim), nanoseconds(s.st_ctim)};
}

struct Candidate {
  std::string key;
  State state = {};
  // Of the last use.
  int64_t used_s = 0;
  // Record and LIR.
  int64_t bytes = 0;
  Vec<Digest> blobs = {};
  double score = 0;
  std::string why = {};
  bool pinned = false;
};

// An unset clock sees files of the future: they are new.
int64_t age_s(int64_t mtime) { return std::max<int64_t>(0, now_s() - mtime); }

class Collector {
 public:
  Collector(const Store& store, const CollectOptions& options)
      : root_(store.root()), options_(options) {}

  Result<Collected> run() {
    RLX_TRY_VOID(check_locks(root_));
    lock_ = CollectorLock::acquire(root_, options_.wait);
    if (!lock_.held()) return Collected{.other_collects = true};
    age_rule_ = !clock_jumped(root_);
    if (!mark()) return root_.error(kCannotRead, "list", "the cache");
    choose();
    if (options_.dry_run) return std::move(out_);
    sweep_entries();
    if (!out_.busy) sweep_blobs();
    out_.files -= out_.orphans;
    const Leftovers left = remove_leftovers(root_);
    out_.orphans += left.files;
    out_.orphan_bytes += left.bytes;
    note_collection(root_);
    return std::move(out_);
  }

 private:
  // ---- mark

  bool mark() {
    Vec<std::string> pinned = pins(root_);
    scan_blobs();
    const bool listed = for_each_record(root_, [&](const Record& record) {
      known_.emplace(record.key, state_of(record.stat));
      // Another rlx's entry, or one that cannot be read now: its blobs are not known, and what names
      // nothing here is kept for it.
      if (!record.entry && record.entry.error().first().code != kDamaged) {
        unknown_ = true;
        return;
      }
      Candidate c{.key = record.key,
                  .state = state_of(record.stat),
                  .used_s = record.stat.st_mtim.tv_sec,
                  .bytes = record.stat.st_size};
      c.pinned = std::ranges::binary_search(pinned, record.key);
      if (record.entry) add_blobs(*record.entry, c);
      obsolete(record, c);
      candidates_.push_back(std::move(c));
    });
    if (!listed) return false;
    for (Candidate& c : candidates_) weigh(c);
    for (const auto& [digest, blob] : blobs_) {
      if (blob.stored) out_.bytes += blob.bytes, ++out_.files;
    }
    out_.entries = static_cast<int64_t>(candidates_.size());
    return true;
  }

  void scan_blobs() {
    const Folder cas = root_.below("cas").below("sha256");
    if (!cas.ok()) return;
    for (const std::string& shard : cas.names()) {
      const Folder folder = cas.below(shard);
      if (!folder.ok()) continue;
      for (const std::string& name : folder.names()) {
        auto digest = Digest::from_hex(name);
        struct stat s;
        if (!digest || ::fstatat(folder.fd(), name.c_str(), &s, AT_SYMLINK_NOFOLLOW) != 0) continue;
        blobs_[*digest] = {.bytes = s.st_size, .stored = true};
      }
    }
  }

  void add_blobs(const Entry& entry, Candidate& c) {
    c.bytes += entry.lir_size;
    std::set<Digest> unique;
    for (const BlobRef& blob : entry.blobs) unique.insert(blob.digest);
    c.blobs.assign(unique.begin(), unique.end());
    for (const Digest& digest : c.blobs) ++blobs_[digest].users;
  }

  void obsolete(const Record& record, Candidate& c) const {
    if (!options_.current_toolchain || !record.entry) return;
    if (record.entry->toolchain != *options_.current_toolchain) c.why = "made by another toolchain";
  }

  void weigh(Candidate& c) {
    // Blobs that no other entry names go with it.
    int64_t own_bytes = c.bytes;
    for (const Digest& digest : c.blobs) {
      if (blobs_[digest].users == 1) own_bytes += blobs_[digest].bytes;
    }
    auto stats = read_stats(root_, c.key);
    auto ms = static_cast<double>(std::max<int64_t>(1, stats ? stats->stats.compile_ms : 1));
    c.score = static_cast<double>(age_s(c.used_s) + 1) * static_cast<double>(own_bytes) / ms;
    out_.bytes += c.bytes;
    out_.files += 2;
  }

  // ---- choose

  void choose() {
    drop_unnamed_blobs();
    for (Candidate& c : candidates_) {
      const int64_t age = age_s(c.used_s);
      if (age_rule_ && age > options_.limits.max_age_s) {
        c.why = fmt::format("unused for {}", duration_text(age));
      }
      if (!c.why.empty() && !c.pinned) take(c);
    }
    // Where no blob may go, removing entries gives back next to nothing.
    if (unknown_) return;
    std::ranges::sort(candidates_, std::greater(), &Candidate::score);
    for (Candidate& c : candidates_) {
      if (inside_limits()) return;
      if (c.pinned || !c.why.empty()) continue;
      c.why = "least worth";
      take(c);
    }
  }

  bool inside_limits() const {
    auto part = [&](int64_t limit) {
      return limit > INT64_MAX / 100 ? limit : limit * options_.target_percent / 100;
    };
    return out_.bytes <= part(options_.limits.max_bytes) &&
           out_.files <= part(options_.limits.max_files) && freed_ >= wanted_free();
  }

  // Bytes to give back to a file system that is too full.
  int64_t wanted_free() const {
    struct statvfs fs;
    if (::fstatvfs(root_.fd(), &fs) != 0) return 0;
    auto unit = static_cast<int64_t>(fs.f_frsize);
    const int64_t wanted = static_cast<int64_t>(fs.f_blocks) / 100 * options_.limits.free_percent;
    return std::max<int64_t>(0, wanted - static_cast<int64_t>(fs.f_bavail)) * unit;
  }

  void take(const Candidate& c) {
    int64_t bytes = c.bytes;
    for (const Digest& digest : c.blobs) {
      BlobFile& blob = blobs_[digest];
      if (--blob.users == 0) bytes += drop(digest, blob);
    }
    out_.bytes -= c.bytes;
    out_.files -= 2;
    --out_.entries;
    freed_ += bytes;
    out_.victims.push_back({c.key, c.why, bytes, c.score});
  }

  int64_t drop(const Digest& digest, const BlobFile& blob) {
    if (!blob.stored || unknown_) return 0;
    doomed_.push_back(digest);
    out_.bytes -= blob.bytes;
    --out_.files;
    return blob.bytes;
  }

  void drop_unnamed_blobs() {
    for (auto& [digest, blob] : blobs_) {
      if (blob.users != 0) continue;
      const int64_t bytes = drop(digest, blob);
      if (bytes == 0 && blob.bytes != 0) continue;
      freed_ += bytes;
      out_.orphan_bytes += bytes;
      ++out_.orphans;
      ++out_.files;
    }
  }

  // ---- sweep

  // Calls step(i) for each i below n, in batches that hold the lock for a few milliseconds.
  template <class Begin, class Step>
  void in_batches(size_t n, Begin begin, Step step) {
    auto end = steady_clock::now() + options_.patience;
    for (size_t i = 0; i < n;) {
      const SweepLock lock = SweepLock::try_acquire(root_);
      if (!lock.held()) {
        if (steady_clock::now() > end) {
          out_.busy = true;
          return;
        }
        std::this_thread::sleep_for(kPause);
        continue;
      }
      begin();
      auto until = steady_clock::now() + kHold;
      for (size_t done = 0; i < n && done < kBatch && steady_clock::now() < until; ++done) {
        step(i++);
      }
      end = steady_clock::now() + options_.patience;
    }
  }

  void sweep_entries() {
    std::set<std::string_view> keys;
    for (const Victim& v : out_.victims) keys.insert(v.key);
    Vec<const Candidate*> victims;
    for (const Candidate& c : candidates_) {
      if (keys.contains(c.key)) victims.push_back(&c);
    }
    size_t swept = 0;
    in_batches(victims.size(), [] {}, [&](size_t i) { sweep_entry(*victims[i]), ++swept; });
    // There was no moment for the rest.
    for (size_t i = swept; i < victims.size(); ++i) forget(victims[i]->key);
  }

  void forget(const std::string& key) {
    std::erase_if(out_.victims, [&](const Victim& v) { return v.key == key; });
  }

  // A victim that was used or replaced since the mark stays, and so do its blobs.
  void sweep_entry(const Candidate& c) {
    struct stat s;
    const bool there =
        ::fstatat(root_.fd(), meta_name(c.key).c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0;
    const bool same = there && state_of(s) == c.state;
    if (!same || !root_.remove(meta_name(c.key))) {
      if (there) saved_.insert(c.blobs.begin(), c.blobs.end());
      forget(c.key);
      return;
    }
    for (const std::string& name : {lir_name(c.key), signature_name(c.key)}) root_.remove(name);
    known_.erase(c.key);
  }

  // Records that came since the mark name blobs that must stay. Nobody publishes meanwhile.
  void find_new_records() {
    struct stat s;
    const bool same = ::fstat(root_.fd(), &s) == 0 && s.st_mtim.tv_sec == root_mtime_.tv_sec &&
                      s.st_mtim.tv_nsec == root_mtime_.tv_nsec;
    // Within one tick of the clock two changes look like one.
    if (same && age_s(s.st_mtim.tv_sec) > 1) return;
    root_mtime_ = s.st_mtim;
    const bool listed = for_each_changed_record(
        root_,
        [&](const std::string& key, const struct stat& now) {
          auto [known, added] = known_.try_emplace(key, state_of(now));
          const bool changed = added || known->second != state_of(now);
          known->second = state_of(now);
          return changed;
        },
        [&](const Record& record) {
          unknown_ |= !record.entry && record.entry.error().first().code != kDamaged;
          if (!record.entry) return;
          for (const BlobRef& blob : record.entry->blobs) saved_.insert(blob.digest);
        });
    unknown_ |= !listed;
  }

  void sweep_blobs() {
    Folder cas = root_.below("cas").below("sha256");
    in_batches(
        doomed_.size(), [&] { find_new_records(); },
        [&](size_t i) { sweep_blob(cas, doomed_[i]); });
  }

  void sweep_blob(const Folder& cas, const Digest& digest) const {
    if (unknown_ || saved_.contains(digest)) return;
    const std::string name = digest.hex();
    const Folder shard = cas.below(name.substr(0, 2));
    if (shard.ok()) shard.remove(name);
  }

  const Folder& root_;
  const CollectOptions& options_;
  CollectorLock lock_;
  Collected out_;
  // unknown_: there are records whose blobs cannot be told.
  bool age_rule_ = true, unknown_ = false;
  int64_t freed_ = 0;
  Vec<Candidate> candidates_;
  BlobTable blobs_;
  std::unordered_map<std::string, State> known_;
  Vec<Digest> doomed_;
  std::set<Digest> saved_;
  timespec root_mtime_ = {};
};

}  // namespace

Result<Collected> collect(const Store& store, const CollectOptions& options) {
  if (!options.dry_run) RLX_TRY_VOID(store.check_writable());
  return Collector(store, options).run();
}

void collect_if_due(const Store& store) {
  const Limits& limits = store.options().limits;
  if (!is_due(store.root(), limits.interval_s)) return;
  auto collected = collect(store, {.limits = limits, .target_percent = 90});
  if (!collected) return log::info("cache: " + collected.error().first().message);
  if (collected->victims.empty()) return;
  int64_t bytes = 0;
  for (const Victim& v : collected->victims) bytes += v.bytes;
  log::info(fmt::format("cache: {} entries removed, {} given back", collected->victims.size(),
                        size_text(bytes)));
}

}  // namespace rlx::cache
