// From what a compile made to an entry of the cache.
#pragma once
#include <set>

#include "cache/store.h"
#include "driver/compile.h"

namespace rlx::driver {

// Image and constants become blobs, where they are not yet, but for the constants in `external`, which the entry only
// names. Then the record is written. Errors only under strict.
Status store_compiled(cache::Store& store, const cache::KeyLock& lock, const Action& action,
                      const Compiled& compiled, const std::set<Digest>& external,
                      int64_t compile_ms);

}  // namespace rlx::driver
