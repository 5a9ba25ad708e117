// Small JSON files that are there for people and may be lost: tags, notes, stats.
#pragma once
#include <optional>
#include <string>

#include "cache/folder.h"
#include "support/json.h"

namespace rlx::cache {

// Nothing where there is none, or it is no JSON, or longer than such files are.
std::optional<Json> read_note(const Folder& folder, const std::string& name);

}  // namespace rlx::cache
