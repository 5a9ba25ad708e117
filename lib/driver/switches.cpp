#include "driver/switches.h"

#include <algorithm>

#include <fmt/format.h>

#include "driver/codes.h"
#include "passes/pipeline.h"
#include "passes/precision.h"
#include "plan/plan.h"
#include "support/names.h"
#include "support/sort_uniquely.h"

namespace rlx::driver {
namespace {

constexpr std::string_view kMath = "math", kPrecision = "precision", kDisable = "disable",
                           kLikely = "likely", kGrad = "grad", kJvp = "jvp", kBatch = "batch";

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

Result<std::string> disabled_names(const std::vector<std::string>& texts) {
  Vec<std::string> names;
  for (const std::string& text : texts) {
    for (std::string& name : split(text)) {
      RLX_TRY_VOID(check_switch(name));
      names.push_back(std::move(name));
    }
  }
  sort_uniquely(names);
  return fmt::format("{}", fmt::join(names, ","));
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 10 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::string> likely_items(const std::vector<std::string>& texts) {
  Vec<std::string> items;
  for (const std::string& text : texts) {
    for (std::string& item : split(text)) {
      const size_t equals = item.find('=');
      const bool sound =
          equals != std::string::npos && equals > 0 && is_number(item.substr(equals + 1));
      if (!sound) {
        return Error(kBadLikely, fmt::format("--likely: \"{}\" is not NAME=NUMBER", item));
      }
      items.push_back(std::move(item));
    }
  }
  sort_uniquely(items);
  const auto name_of = [](const std::string& item) { return item.substr(0, item.find('=')); };
  for (size_t i = 1; i < items.size(); ++i) {
    if (name_of(items[i]) != name_of(items[i - 1])) continue;
    return Error(kBadLikely, fmt::format("--likely says {} and {}", items[i - 1], items[i]));
  }
  return fmt::format("{}", fmt::join(items, ","));
}

Status add_by_inputs(std::string_view option, const std::string& text, Options& options) {
  if (text.empty()) return {};
  if (!by_inputs(text)) {
    return Error(kBadByInputs, fmt::format("--{}: \"{}\" is not NAME:INPUT[,INPUT]", option, text));
  }
  options.emplace_back(option, text);
  return {};
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

Result<Options> parse_switches(const SwitchTexts& texts) {
  // In the order of their names.
  Options options;
  RLX_TRY_VOID(add_by_inputs(kBatch, texts.batch, options));
  RLX_TRY(std::string disabled, disabled_names(texts.disabled));
  if (!disabled.empty()) options.emplace_back(kDisable, std::move(disabled));
  RLX_TRY_VOID(add_by_inputs(kGrad, texts.grad, options));
  RLX_TRY_VOID(add_by_inputs(kJvp, texts.jvp, options));
  RLX_TRY(std::string likely, likely_items(texts.likely));
  if (!likely.empty()) options.emplace_back(kLikely, std::move(likely));
  const std::optional<Math> math = math_named(texts.math.empty() ? "default" : texts.math);
  if (!math) {
    return Error(kUnknownMath, "--math: there is no \"" + texts.math + "\"",
                 hint_for(texts.math, {"exact", "default", "fast"}));
  }
  if (*math != Math::kDefault) options.emplace_back(kMath, texts.math);
  const std::string precision = texts.precision.empty() ? "f32" : texts.precision;
  const std::optional<DType> type = precision_named(precision);
  if (!type) {
    return Error(kUnknownPrecision, "--precision: there is no \"" + precision + "\"",
                 hint_for(precision, {"f32", "bf16", "f16"}));
  }
  if (*type != DType::kF32) options.emplace_back(kPrecision, precision);
  return options;
}

Switches switches_of(const Options& options) {
  Switches s;
  for (const auto& [option, value] : options) {
    if (option == kMath) s.math = math_named(value).value_or(Math::kDefault);
    if (option == kPrecision) s.precision = precision_named(value).value_or(DType::kF32);
    if (option == kDisable) s.disabled = split(value);
    if (option == kGrad) s.grad = by_inputs(value).value_or(ByInputs());
    if (option == kJvp) s.jvp = by_inputs(value).value_or(ByInputs());
    if (option == kBatch) s.batch = by_inputs(value).value_or(ByInputs());
  }
  return s;
}

Vec<std::string> inputs_asked(const Options& options) {
  const Switches s = switches_of(options);
  Vec<std::string> names;
  for (const ByInputs* asked : {&s.grad, &s.jvp, &s.batch}) {
    names.insert(names.end(), asked->inputs.begin(), asked->inputs.end());
  }
  return names;
}

}  // namespace rlx::driver
