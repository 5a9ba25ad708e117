#include "support/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "support/json_parser.h"
#include "support/json_plain.h"

namespace rlx {
namespace {

constexpr int kWrongType = 3011;

std::optional<double> special_number(std::string_view text) {
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

// Every item of an array through one typed read.
template <class T>
Result<Vec<T>> collect(const JsonReader& reader, Result<T> (JsonReader::*read)() const) {
  RLX_TRY(const Vec<JsonReader> items, reader.items());
  Vec<T> values;
  values.reserve(items.size());
  for (const JsonReader& item : items) {
    RLX_TRY(T value, (item.*read)());
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace

Result<Json> Json::parse(std::string_view text) {
  if (std::optional<Json> plain = parse_plain_json(text)) return std::move(*plain);
  return parse_any_json(text);
}

std::optional<uint64_t> Json::natural() const {
  if (const auto* big = std::get_if<uint64_t>(&held)) return *big;
  if (const int64_t* small = integer(); small && *small >= 0) return *small;
  return std::nullopt;
}

std::optional<double> Json::number() const {
  if (const auto* real = std::get_if<double>(&held)) return *real;
  if (const int64_t* whole = integer()) return static_cast<double>(*whole);
  if (const auto* big = std::get_if<uint64_t>(&held)) return static_cast<double>(*big);
  if (const std::string* text = string()) return special_number(*text);
  return std::nullopt;
}

const Json* Json::find(std::string_view name) const {
  if (!object()) return nullptr;
  for (const Member& m : *object()) {
    if (m.name == name) return &m.value;
  }
  return nullptr;
}

std::string_view Json::kind() const {
  constexpr std::string_view kNames[] = {"null",     "a boolean", "an integer", "a number",
                                         "a string", "an array",  "an object",  "an integer"};
  return kNames[held.index()];
}

Error JsonReader::wrong(std::string_view what) const {
  return Error(kWrongType, fmt::format("{}: {}", where_, what));
}

Error JsonReader::unexpected(std::string_view wanted) const {
  return wrong(fmt::format("expected {}, found {}", wanted, value_->kind()));
}

Result<JsonReader> JsonReader::get(std::string_view name) const {
  if (!value_->object()) return unexpected("an object");
  if (const Json* member = value_->find(name)) return JsonReader(*member, inside(name));
  return wrong(fmt::format("'{}' is missing", name));
}

std::optional<JsonReader> JsonReader::maybe(std::string_view name) const {
  const Json* member = value_->find(name);
  if (!member || member->is_null()) return std::nullopt;
  return JsonReader(*member, inside(name));
}

std::string JsonReader::inside(std::string_view name) const {
  return fmt::format("{}.{}", where_, name);
}

Result<int64_t> JsonReader::integer() const {
  if (const int64_t* number = value_->integer()) return *number;
  return unexpected("an integer");
}

Result<uint64_t> JsonReader::natural() const {
  if (auto number = value_->natural()) return *number;
  return unexpected("an integer from 0 up");
}

Result<double> JsonReader::number() const {
  if (auto number = value_->number()) return *number;
  return unexpected("a number");
}

Result<bool> JsonReader::boolean() const {
  if (const bool* truth = value_->boolean()) return *truth;
  return unexpected("a boolean");
}

Result<std::string> JsonReader::string() const {
  if (const std::string* text = value_->string()) return *text;
  return unexpected("a string");
}

Result<Vec<JsonReader>> JsonReader::items() const {
  const Vec<Json>* array = value_->array();
  if (!array) return unexpected("an array");
  Vec<JsonReader> readers;
  readers.reserve(array->size());
  for (const Json& item : *array) {
    readers.emplace_back(item, fmt::format("{}[{}]", where_, readers.size()));
  }
  return readers;
}

Result<Vec<int64_t>> JsonReader::integers() const { return collect(*this, &JsonReader::integer); }
Result<Vec<double>> JsonReader::numbers() const { return collect(*this, &JsonReader::number); }
Result<Vec<std::string>> JsonReader::strings() const { return collect(*this, &JsonReader::string); }

Result<int64_t> JsonReader::integer(std::string_view name) const {
  RLX_TRY(const JsonReader member, get(name));
  return member.integer();
}

Result<double> JsonReader::number(std::string_view name) const {
  RLX_TRY(const JsonReader member, get(name));
  return member.number();
}

Result<bool> JsonReader::boolean(std::string_view name) const {
  RLX_TRY(const JsonReader member, get(name));
  return member.boolean();
}

Result<std::string> JsonReader::string(std::string_view name) const {
  RLX_TRY(const JsonReader member, get(name));
  return member.string();
}

}  // namespace rlx
