// How rlx-cache tells about entries and about the folder they are in.
#pragma once
#include "cache/store.h"
#include "driver/cache_commands.h"

namespace rlx::driver {

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
