// What may name an entry: keys are file names, hence the narrow grammar.
#pragma once
#include <string>
#include <string_view>

#include "support/result.h"

namespace rlx::cache {

// [A-Za-z0-9][A-Za-z0-9._-]{0,159} without "..": no path, no hidden file, and the longest suffix
// still fits a file name. kBadKey otherwise.
Status check_key(std::string_view key);

// The entry's files in the root.
std::string meta_name(std::string_view key);
std::string lir_name(std::string_view key);

}  // namespace rlx::cache
