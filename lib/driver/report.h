// What a tool says on stdout with --json: one document of schema rlx.result/1, also on failure.
#pragma once
#include <functional>

#include "cache/records.h"
#include "support/json.h"
#include "support/result.h"

namespace rlx::driver {

struct Report {
  std::string tool;
  Vec<std::string> argv;
  int exit_code = 0;
  double wall_ms = 0;
  Vec<Diagnostic> diagnostics = {};
  // Each writes one object.
  Vec<std::function<void(JsonWriter&)>> items = {};
};

std::string to_json(const Report& report);
void write_json(JsonWriter& out, const Diagnostic& d);
// The member "miss" of an item.
void write_json(JsonWriter& out, const cache::Nearest& nearest);

}  // namespace rlx::driver
