// Request stamps: from a request to its key without reading the model.
//
// Computing a key means hashing every weight, which takes longer than a warm start may. A stamp in
// stamps/ says: when these files had this device, inode, size and times, this request had this key.
// It is only a shortcut: a stamp that is damaged, of another user or in doubt is none. Doubt is
// git's rule for its index: a file that changed less than 2 s before it was looked at may change
// again without its times showing it.
#pragma once
#include <optional>
#include <string>

#include "cache/store.h"
#include "support/files.h"

namespace rlx::cache {

// What a request is, said without reading its model.
struct Request {
  // The model's absolute path.
  std::string model;
  // Every option that goes into the key, the target included, in one spelling.
  std::string options;
  // Of the tool that computed the key.
  std::string build_id;
};

// The files that a key was computed from: the model first, then its external data.
struct Snapshot {
  // Of the clock before the first file was looked at, which comes before reading it.
  int64_t taken_ns = now_ns();
  Vec<FileStamp> files = {};

  static int64_t now_ns();
};

// Where the bytes of an external constant (Role::kExternal) lie.
struct Source {
  Digest digest;
  // Index into Snapshot::files.
  int64_t file = 0;
  int64_t offset = 0;
  int64_t size = 0;

  bool operator==(const Source&) const = default;
};

struct Sources {
  Snapshot snapshot;
  Vec<Source> constants;
  // Set by find_sources: every file is as it was. Otherwise the bytes may be others, or gone, and
  // are digested before use.
  bool unchanged = false;
};

// What a request led to: the key, and the action that its entry must have been made from.
struct Stamped {
  std::string key;
  Digest action;
};

// If every file is as it was.
std::optional<Stamped> find_stamp(const Store& store, const Request& request);
void write_stamp(const Store& store, const Request& request, const Snapshot& snapshot,
                 const Stamped& stamped);
// Whether every file is as it was when it was looked at.
bool is_unchanged(const Snapshot& snapshot);
// Whether a file had just changed when it was looked at, and may have changed again unseen.
bool is_in_doubt(const Snapshot& snapshot);

// Where the entry's external constants lie, inside the sizes that the files had.
std::optional<Sources> find_sources(const Store& store, std::string_view key);
void write_sources(const Store& store, std::string_view key, const Sources& sources);

}  // namespace rlx::cache
