#include "support/json_plain.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "support/json_parser.h"
#include "support/utf8.h"

namespace rlx {
namespace {

constexpr size_t kMostDepth = 32;

class PlainReader {
 public:
  explicit PlainReader(std::string_view text) : rest_(text) {}

  std::optional<Json> whole() {
    std::optional<Json> json = value(0);
    skip_spaces();
    if (!rest_.empty()) return std::nullopt;
    return json;
  }

 private:
  void skip_spaces() {
    const size_t first = rest_.find_first_not_of(" \n\r\t");
    rest_.remove_prefix(std::min(first, rest_.size()));
  }

  bool take(char wanted) {
    skip_spaces();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<Json> value(size_t depth) {
    if (depth == kMostDepth) return std::nullopt;
    if (take('{')) return object(depth + 1);
    if (take('[')) return array(depth + 1);
    if (take('"')) return string();
    return integer();
  }

  // After its bracket. `item` reads one and keeps it.
  template <class Item>
  bool items(char end, const Item& item) {
    if (take(end)) return true;
    while (item()) {
      if (take(end)) return true;
      if (!take(',')) return false;
    }
    return false;
  }

  std::optional<Json> array(size_t depth) {
    Vec<Json> values;
    const bool good = items(']', [&] {
      std::optional<Json> next = value(depth);
      if (next) values.push_back(std::move(*next));
      return next.has_value();
    });
    if (!good) return std::nullopt;
    return Json{std::move(values)};
  }

  std::optional<Json> object(size_t depth) {
    Vec<Json::Member> members;
    const bool good = items('}', [&] { return member(depth, members); });
    if (!good || repeated_key(members)) return std::nullopt;
    return Json{std::move(members)};
  }

  bool member(size_t depth, Vec<Json::Member>& members) {
    if (!take('"')) return false;
    std::optional<Json> name = string();
    if (!name || !take(':')) return false;
    std::optional<Json> next = value(depth);
    if (!next) return false;
    members.push_back({*name->string(), std::move(*next)});
    return true;
  }

  // After its first quote.
  std::optional<Json> string() {
    size_t size = 0;
    while (size < rest_.size() && rest_[size] != '"') {
      const auto letter = static_cast<uint8_t>(rest_[size]);
      const size_t bytes = utf8_length(rest_.substr(size));
      if (letter < ' ' || letter == '\\' || bytes == 0) return std::nullopt;
      size += bytes;
    }
    if (size == rest_.size()) return std::nullopt;
    Json text{std::string(rest_.substr(0, size))};
    rest_.remove_prefix(size + 1);
    return text;
  }

  std::optional<Json> integer() {
    int64_t number = 0;
    const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    const std::string_view digits = rest_.substr(0, static_cast<size_t>(end - rest_.data()));
    // JSON has no zeros before a number's first digit.
    if (problem != std::errc() || std::to_string(number) != digits) return std::nullopt;
    rest_.remove_prefix(digits.size());
    return Json{number};
  }

  std::string_view rest_;
};

}  // namespace

std::optional<Json> parse_plain_json(std::string_view text) { return PlainReader(text).whole(); }

}  // namespace rlx
