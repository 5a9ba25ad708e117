// The collector: brings a cache inside its limits without ever harming who uses it.
//
// Mark: every record is read, and the blobs that it names. Victims are chosen by what they are worth:
// age x bytes / compile time, so that forty minutes of compiling outlive forty milliseconds of the
// same size. Sweep: in batches of milliseconds, in which nobody publishes, each victim's record goes
// first, then its LIR, then blobs that no entry names. What was used since the mark stays; so do pinned
// entries. Readers keep what they have open.
#pragma once
#include "cache/limits.h"
#include "cache/store.h"

namespace rlx::cache {

struct CollectOptions {
  Limits limits = {};
  // Percent of max_bytes and max_files to come down to, so that the next entry fits too.
  int64_t target_percent = 100;
  // Entries whose toolchain is another one go too.
  std::optional<std::map<std::string, std::string>> current_toolchain = {};
  bool dry_run = false;
  // How long to try for a moment in which nobody publishes.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
  // How long to wait for another process that collects.
  std::chrono::milliseconds wait = std::chrono::milliseconds(0);
};

struct Victim {
  std::string key;
  // "unused for 41 d", "least worth".
  std::string why;
  // Record, LIR and the blobs that go with it.
  int64_t bytes = 0;
  // Seconds x bytes / ms.
  double score = 0;
};

struct Collected {
  // Another process collects: nothing was done.
  bool other_collects = false;
  // Others published all the time: not everything was done.
  bool busy = false;
  Vec<Victim> victims;
  // Files removed besides: blobs without an entry, what crashed processes left, old stamps.
  int64_t orphans = 0, orphan_bytes = 0;
  // What is there afterwards; under dry_run, what would be.
  int64_t entries = 0, files = 0, bytes = 0;
};

// Errors: a cache that cannot be written, or not be locked.
Result<Collected> collect(const Store& store, const CollectOptions& options);

// Collects if the last time is Limits::interval_s ago. Trouble is nobody's failure.
void collect_if_due(const Store& store);

}  // namespace rlx::cache
