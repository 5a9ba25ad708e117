// The JSON of records: objects, arrays, whole numbers, and strings without escapes.
//
// That is what a start reads, a cache's entries and stamps. It is read here, because a shared simdjson needs a shared
// libstdc++, and loading the two takes a quarter of a warm start (docs/design/017-starts.md). All else is simdjson's.
#pragma once
#include <optional>
#include <string_view>

#include "support/json.h"

namespace rlx {

// Nothing where the text is not plain: it may be other JSON, or none.
std::optional<Json> parse_plain_json(std::string_view text);

}  // namespace rlx
