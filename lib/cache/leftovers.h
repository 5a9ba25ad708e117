// What is in a cache folder and belongs to no entry: what crashed processes left, what is disposable.
#pragma once
#include "cache/folder.h"

namespace rlx::cache {

struct Leftovers {
  int64_t files = 0, bytes = 0;
};

// LIRs without a record, temporary files and progress notes of processes that are gone, stamps of
// other boots and of long ago, what was set aside beyond 256 MiB, notes on entries that are gone.
Leftovers remove_leftovers(const Folder& root);

// When the last collection was: the mtime of stats/collected.
bool is_due(const Folder& root, int64_t interval_s);
void note_collection(const Folder& root);
// Whether the clock says more time has passed since the last collection than can have: then no entry
// is removed for its age.
bool clock_jumped(const Folder& root);

}  // namespace rlx::cache
