// How rlx-cache tells about entries and about the folder they are in.
#pragma once
#include "cache/records.h"
#include "driver/cache_commands.h"

namespace rlx::driver {

// An entry in a list.
struct Row {
  std::string key, target, problem;
  Dims dims;
  // Blobs that other entries name too count in full.
  int64_t bytes = 0;
  int64_t used_s = 0, compile_ms = 0;
  bool pinned = false, stale = false;
  Vec<std::string> tags;
};

// Of the entries that are asked for, by key.
Result<Vec<Row>> rows_of(const cache::Store& store,
                         const std::function<bool(const cache::Record&)>& is_asked);
void write_json(JsonWriter& out, const Row& row);
void write_json(JsonWriter& out, const Dims& dims);
// "used 3 d ago".
std::string last_use(const Row& row);

// A line and an item for each entry whose key begins with `model`, most recently used last.
Result<Answer> listing(const cache::Store& store, Order order, const std::string& model);
// All about one entry.
void describe(const cache::Store& store, const cache::Entry& entry, Answer& answer);

struct Check {
  std::string what, found;
  bool good = true;
  std::string cure = {};
};
// The folder's place, owner, file system, space, locks and durability.
Vec<Check> examine(const cache::Options& options);

}  // namespace rlx::driver
