#include "support/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <simdjson.h>

namespace rlx {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kMaxDepth = 256;
constexpr int kSyntax = 3010;
constexpr int kWrongType = 3011;

Result<Json> convert(dom::element element);

// A repeated key is refused, because readers disagree about which value counts.
Status check_unique(const Vec<Json::Member>& members) {
  Vec<std::string_view> names;
  names.reserve(members.size());
  for (const Json::Member& m : members) names.push_back(m.name);
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return {};
  return Error(kSyntax, fmt::format("JSON key '{}' occurs twice in one object", *twice));
}

Result<Json> convert_array(dom::array array) {
  Vec<Json> items;
  items.reserve(array.size());
  for (const dom::element item : array) {
    RLX_TRY(Json value, convert(item));
    items.push_back(std::move(value));
  }
  return Json{std::move(items)};
}

Result<Json> convert_object(dom::object object) {
  Vec<Json::Member> members;
  members.reserve(object.size());
  for (const dom::key_value_pair member : object) {
    RLX_TRY(Json value, convert(member.value));
    members.push_back({std::string(member.key), std::move(value)});
  }
  RLX_TRY_VOID(check_unique(members));
  return Json{std::move(members)};
}

// The element's type was asked before, hence value_unsafe.
Result<Json> convert(dom::element element) {
  switch (element.type()) {
    case dom::element_type::NULL_VALUE: return Json{};
    case dom::element_type::BOOL: return Json{element.get_bool().value_unsafe()};
    case dom::element_type::INT64: return Json{element.get_int64().value_unsafe()};
    case dom::element_type::UINT64: return Json{element.get_uint64().value_unsafe()};
    case dom::element_type::DOUBLE: return Json{element.get_double().value_unsafe()};
    case dom::element_type::STRING: return Json{std::string(element.get_string().value_unsafe())};
    case dom::element_type::ARRAY: return convert_array(element.get_array().value_unsafe());
    case dom::element_type::OBJECT: return convert_object(element.get_object().value_unsafe());
  }
  RLX_CHECK(false, "simdjson gave an unknown element type");
  return Json{};
}

std::optional<double> special_number(std::string_view text) {
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

Error syntax_error(simdjson::error_code code) {
  return Error(kSyntax, fmt::format("not valid JSON: {}", simdjson::error_message(code)));
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
  dom::parser parser;
  if (auto code = parser.allocate(text.size(), kMaxDepth)) return syntax_error(code);
  dom::element root;
  if (auto code = parser.parse(text.data(), text.size()).get(root)) return syntax_error(code);
  return convert(root);
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
