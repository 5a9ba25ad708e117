#include "driver/switches.h"

#include <algorithm>

#include <fmt/format.h>

#include "driver/codes.h"
#include "passes/pipeline.h"
#include "plan/plan.h"
#include "support/names.h"
#include "support/sort_uniquely.h"

namespace rlx::driver {
namespace {

constexpr std::string_view kMath = "math", kDisable = "disable";

Vec<std::string> split(std::string_view text) {
  Vec<std::string> names;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    if (end > 0) names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

Status check_switch(const std::string& name) {
  const Vec<std::string> known = switch_names();
  if (std::find(known.begin(), known.end(), name) != known.end()) return {};
  return Error(kUnknownSwitch, fmt::format("--disable: there is no \"{}\" to turn off", name),
               hint_for(name, known));
}

}  // namespace

bool Switches::is_disabled(std::string_view name) const {
  return std::find(disabled.begin(), disabled.end(), name) != disabled.end();
}

Vec<std::string> switch_names() {
  Vec<std::string> names = optional_passes();
  for (std::string& name : plan_switches()) names.push_back(std::move(name));
  std::sort(names.begin(), names.end());
  return names;
}

Result<Options> parse_switches(const std::string& math, const std::vector<std::string>& disabled) {
  Options options;
  Vec<std::string> names;
  for (const std::string& text : disabled) {
    for (std::string& name : split(text)) {
      RLX_TRY_VOID(check_switch(name));
      names.push_back(std::move(name));
    }
  }
  sort_uniquely(names);
  if (!names.empty()) options.emplace_back(kDisable, fmt::format("{}", fmt::join(names, ",")));
  if (math.empty()) return options;
  const std::optional<Math> level = math_named(math);
  if (!level) {
    return Error(kUnknownMath, "--math: there is no \"" + math + "\"",
                 hint_for(math, {"exact", "default", "fast"}));
  }
  if (*level != Math::kDefault) options.emplace_back(kMath, math);
  return options;
}

Switches switches_of(const Options& options) {
  Switches s;
  for (const auto& [option, value] : options) {
    if (option == kMath) s.math = math_named(value).value_or(Math::kDefault);
    if (option == kDisable) s.disabled = split(value);
  }
  return s;
}

}  // namespace rlx::driver
