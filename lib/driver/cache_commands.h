// What rlx-cache does: one function a command, from a request to an answer in text and JSON.
#pragma once
#include <functional>

#include "cache/collect.h"
#include "cache/options.h"
#include "driver/build.h"
#include "driver/report.h"
#include "support/json.h"

namespace rlx::driver {

struct Answer {
  // For people, on stdout.
  std::string text;
  // An object each, for --json.
  Vec<std::function<void(JsonWriter&)>> items = {};
  // What was found wrong though the command did its work: the exit code is theirs.
  Vec<Reported> problems = {};
};

enum class Order : uint8_t { kAge, kSize, kCost };

struct CacheRequest {
  cache::Options cache;
  // Keys, tags or beginnings of keys.
  Vec<std::string> keys = {};
};

// One line an entry: key, size, age, compile time, target, tags.
Result<Answer> list_entries(const CacheRequest& request, Order order, const std::string& model);
// All about each entry; with `lir`, the LIR alone as it is stored.
Result<Answer> show_entries(const CacheRequest& request, bool lir);
// Every byte of those entries, or of all, is read and digested. Problems 8004.
Result<Answer> verify_entries(const CacheRequest& request, bool repair);
Result<Answer> collect_entries(const CacheRequest& request, const cache::CollectOptions& options);
// Hits, misses by reason, time saved.
Result<Answer> show_stats(const CacheRequest& request, int64_t since_s, bool zero);
Result<Answer> export_entries(const CacheRequest& request, const std::string& path, bool sign);
Result<Answer> import_entries(const CacheRequest& request, const std::string& path,
                              bool allow_unsigned);
// A problem where a key was not pinned.
Result<Answer> pin_entries(const CacheRequest& request, bool pinned);
// An empty key removes the tag.
Result<Answer> tag_entry(const CacheRequest& request, const std::string& name,
                         const std::string& key);
Result<Answer> remove_entries(const CacheRequest& request);
// What differs between what two entries were made from, constants by name.
Result<Answer> diff_entries(const CacheRequest& request);
// Whether the request would hit, and if not, what the nearest entry has otherwise. Compiles nothing.
Result<Answer> explain_request(const BuildRequest& request);
// The key of a request, and what goes into it.
Result<Answer> show_key(const BuildRequest& request);
// Whether the folder can be relied upon, and what to do if not.
Result<Answer> examine_folder(const CacheRequest& request);

}  // namespace rlx::driver
