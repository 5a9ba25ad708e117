// Everything that is in a cache folder, one record at a time: what listing, collecting and
// explaining go through. Memory is that of one entry, however many there are.
#pragma once
#include <functional>

#include "cache/store.h"

namespace rlx::cache {

struct Record {
  std::string key;
  // kDamaged, kForeign or kCannotRead where it is no entry of ours.
  Result<Entry> entry;
  // Of KEY.meta.json. Its mtime is the last use, to the hour.
  struct stat stat;
};

// Of the records among names, in their order.
Vec<std::string> keys_of(const Vec<std::string>& names);
// Of the records in a folder, sorted; nothing where it cannot be listed.
Vec<std::string> keys(const Folder& root);

// In the order of their keys. False where the folder cannot be listed.
bool for_each_record(const Folder& root, const std::function<void(const Record&)>& visit);
// Only those that `changed` asks for, by key and state of the file, are read.
bool for_each_changed_record(
    const Folder& root, const std::function<bool(const std::string&, const struct stat&)>& changed,
    const std::function<void(const Record&)>& visit);

// What was written when the entry was: nullopt where it is gone, which costs nothing.
struct StoredStats {
  Stats stats;
  // "2026-11-24T05:28:14Z".
  std::string created;
};
std::optional<StoredStats> read_stats(const Folder& root, std::string_view key);

// What differs between what two results were made from: "target" is here cpu:x86-64-v4, there cpu:x86-64-v3.
struct Difference {
  std::string name;
  // Empty where that side lacks it.
  std::string wanted, stored;
};
using Inputs = std::map<std::string, std::string>;
Vec<Difference> differences(const Inputs& wanted, const Inputs& stored);

// The entry whose inputs differ in fewest ways from those of a key that missed, the most recently used of
// them; nullopt in an empty cache. Of a big cache some hundred entries are compared, of the same model
// first.
struct Nearest {
  std::string key;
  Vec<Difference> differences;
};
std::optional<Nearest> nearest(const Store& store, std::string_view key, const Inputs& wanted);
// "the nearest entry is KEY, whose target is cpu:x86-64-v3, not cpu:x86-64-v4".
std::string to_text(const Nearest& nearest);
std::string to_text(const Difference& difference);

}  // namespace rlx::cache
