#include "driver/failed_kernel.h"

#include <algorithm>
#include <filesystem>

#include "support/json.h"
#include "support/process.h"

namespace rlx::driver {
namespace {

// The first diagnostic of the document in what a tool said.
Result<Diagnostic> diagnostic_in(const std::string& said) {
  const size_t begin = said.find("{\"schema\""), end = said.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    return Error(Diagnostic{.message = "no document"});
  }
  RLX_TRY(const Json json, Json::parse(said.substr(begin, end + 1 - begin)));
  const JsonReader reader(json, "result");
  RLX_TRY(const JsonReader all, reader.get("diagnostics"));
  RLX_TRY(const Vec<JsonReader> items, all.items());
  if (items.empty()) return Error(Diagnostic{.message = "no diagnostic"});
  Diagnostic d;
  RLX_TRY(d.message, items[0].string("message"));
  if (const auto node = items[0].maybe("node")) {
    RLX_TRY(d.node, node->string("name"));
  }
  return d;
}

Result<Ended> run_again() {
  const std::string here = own_program();
  Vec<std::string> arguments = own_arguments();
  if (here.empty() || arguments.empty()) return Error(Diagnostic{.message = "no arguments"});
  arguments[0] = here;
  arguments.emplace_back("--check-kernels");
  if (std::ranges::find(arguments, "--json") == arguments.end()) arguments.emplace_back("--json");
  return run_program(arguments);
}

}  // namespace

Error failed_kernel(const Error& failed) {
  Diagnostic d = failed.first();
  const auto again = run_again();
  if (!again) return failed;
  if (again->status == 0) {
    d.message += "; a run that waits after each kernel does not fail";
    return Error(std::move(d));
  }
  const auto said = diagnostic_in(again->output);
  if (!said) return failed;
  d.message = said->message;
  d.node = said->node;
  return Error(std::move(d));
}

}  // namespace rlx::driver
