// The tree of any JSON text, by simdjson. json_parser.cpp is compiled twice: with simdjson, and without for a tool that
// loads it as a library of its own (RLX_WITH_SIMDJSON, CMakeLists.txt) when it first meets JSON that is not plain.
#pragma once
#include <algorithm>

#include "support/json.h"

namespace rlx {

Result<Json> parse_any_json(std::string_view text);

// A key that stands twice in an object: it is refused, because readers disagree about which value counts.
inline std::optional<std::string_view> repeated_key(const Vec<Json::Member>& members) {
  Vec<std::string_view> names;
  names.reserve(members.size());
  for (const Json::Member& m : members) names.push_back(m.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  return twice == names.end() ? std::nullopt : std::optional(*twice);
}

}  // namespace rlx

// What that library has: sets `json`.
extern "C" void rlx_parse_json(const std::string_view* text, rlx::Result<rlx::Json>* json);
