#include "cache/note.h"

namespace rlx::cache {

std::optional<Json> read_note(const Folder& folder, const std::string& name) {
  constexpr size_t kMostBytes = 4096;
  auto text = folder.read(name, kMostBytes);
  if (!text) return std::nullopt;
  auto json = Json::parse(*text);
  return json ? std::optional(std::move(*json)) : std::nullopt;
}

}  // namespace rlx::cache
