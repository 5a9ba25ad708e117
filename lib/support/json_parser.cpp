#include "support/json_parser.h"

#include <fmt/format.h>
#if RLX_WITH_SIMDJSON
#include <simdjson.h>
#else
#include <filesystem>

#include <dlfcn.h>

#include "support/process.h"
#endif

namespace rlx {
namespace {

constexpr int kSyntax = 3010;

#if RLX_WITH_SIMDJSON
namespace dom = simdjson::dom;

constexpr size_t kMaxDepth = 256;

Result<Json> convert(dom::element element);

Error syntax_error(simdjson::error_code code) {
  return Error(kSyntax, fmt::format("not valid JSON: {}", simdjson::error_message(code)));
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
  if (const auto twice = repeated_key(members)) {
    return Error(kSyntax, fmt::format("JSON key '{}' occurs twice in one object", *twice));
  }
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
  return syntax_error(simdjson::UNEXPECTED_ERROR);
}
#else
using Parse = decltype(&::rlx_parse_json);

Parse load_parser() {
  const std::filesystem::path here = own_program();
  const auto path = here.parent_path().parent_path() / RLX_JSON_LIBRARY;
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  return library ? reinterpret_cast<Parse>(::dlsym(library, "rlx_parse_json")) : nullptr;
}
#endif

}  // namespace

#if RLX_WITH_SIMDJSON
Result<Json> parse_any_json(std::string_view text) {
  dom::parser parser;
  if (auto code = parser.allocate(text.size(), kMaxDepth)) return syntax_error(code);
  dom::element root;
  if (auto code = parser.parse(text.data(), text.size()).get(root)) return syntax_error(code);
  return convert(root);
}
#else
Result<Json> parse_any_json(std::string_view text) {
  static const Parse parse = load_parser();
  if (!parse) {
    return Error(kSyntax, "this JSON is read by " RLX_JSON_LIBRARY ", which cannot be loaded",
                 "keep bin and lib of an installation side by side");
  }
  Result<Json> json = Json{};
  parse(&text, &json);
  return json;
}
#endif

}  // namespace rlx

#if RLX_WITH_SIMDJSON
extern "C"
    __attribute__((visibility("default"))) void rlx_parse_json(const std::string_view* text,
                                                               rlx::Result<rlx::Json>* json) {
  *json = rlx::parse_any_json(*text);
}
#endif
