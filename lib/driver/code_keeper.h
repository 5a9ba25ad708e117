// Keeps what a GPU's driver makes of an entry's code in the cache, so that it is made once a machine.
#pragma once
#include "cache/options.h"
#include "runtime/device.h"

namespace rlx::driver {

// Trouble with the cache is no failure: it is made again.
runtime::CodeKeeper code_keeper(const cache::Options& options);

}  // namespace rlx::driver
