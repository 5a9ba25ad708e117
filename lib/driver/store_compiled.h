// From what a compile made to an entry of the cache.
#pragma once
#include "cache/store.h"
#include "driver/compile.h"

namespace rlx::driver {

// Image and constants become blobs, where they are not yet, then the record is written. Errors only under
// strict.
Status store_compiled(cache::Store& store, const cache::KeyLock& lock, const Action& action,
                      const Compiled& compiled, int64_t compile_ms);

}  // namespace rlx::driver
