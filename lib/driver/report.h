// What a tool says on stdout with --json: one document of schema rlx.result/1, also on failure.
#pragma once
#include <functional>

#include "cache/records.h"
#include "support/json.h"
#include "support/result.h"

namespace rlx::driver {

// What was said beside the result.
struct Remark {
  std::string text;
  // The model at hand; empty where there is none.
  std::string model = {};
};

// A diagnostic and the model that it is about; empty where there is none.
struct Reported : Diagnostic {
  std::string model = {};
};

struct Report {
  std::string tool;
  Vec<std::string> argv;
  int exit_code = 0;
  double wall_ms = 0;
  Vec<Reported> diagnostics = {};
  Vec<Remark> warnings = {};
  // Each writes one object.
  Vec<std::function<void(JsonWriter&)>> items = {};
};

std::string to_json(const Report& report);
// The document up to its status, for whoever may have no memory to write one.
std::string json_beginning(const Report& report);
void write_json(JsonWriter& out, const Reported& d);
// "error RLX-E3010: a.onnx: ...", a line each.
std::string to_text(const Reported& d);
// The member "miss" of an item.
void write_json(JsonWriter& out, const cache::Nearest& nearest);

}  // namespace rlx::driver
