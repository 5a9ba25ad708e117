// The tree of any JSON text, by simdjson. json_parser.cpp is compiled twice: with simdjson, and without for a tool that
// loads it as a library of its own (RLX_WITH_SIMDJSON, CMakeLists.txt) when it first meets JSON that is not plain.
#pragma once
#include "support/json.h"

namespace rlx {

Result<Json> parse_any_json(std::string_view text);

}  // namespace rlx

// What that library has: sets `json`.
extern "C" void rlx_parse_json(const std::string_view* text, rlx::Result<rlx::Json>* json);
