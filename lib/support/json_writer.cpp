#include <charconv>
#include <cmath>

#include "support/json.h"
#include "support/utf8.h"

namespace rlx {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void append_control(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  auto byte = static_cast<uint8_t>(c);
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
  }
  if (static_cast<uint8_t>(c) < 0x20) return append_control(out, c);
  out += c;
}

template <class Number>
std::string_view spell(Number number, std::span<char> buffer) {
  auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return {buffer.data(), result.ptr};
}

}  // namespace

void JsonWriter::new_line() {
  text_ += '\n';
  for (const Open& open : open_) {
    if (open.lines) text_ += "  ";
  }
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (open_.empty()) return;
  Open& open = open_.back();
  if (!open.empty) text_ += open.lines ? "," : ", ";
  open.empty = false;
  if (open.lines) new_line();
}

void JsonWriter::begin(char bracket, Layout layout) {
  before_value();
  text_ += bracket;
  open_.push_back({.lines = layout == Layout::kLines, .empty = true});
}

void JsonWriter::end(char bracket) {
  RLX_CHECK(!open_.empty() && !after_key_, "a JSON value is missing or ended twice");
  const Open closed = open_.back();
  open_.pop_back();
  if (closed.lines && !closed.empty) new_line();
  text_ += bracket;
}

void JsonWriter::begin_object(Layout layout) { begin('{', layout); }
void JsonWriter::end_object() { end('}'); }
void JsonWriter::begin_array(Layout layout) { begin('[', layout); }
void JsonWriter::end_array() { end(']'); }

void JsonWriter::key(std::string_view name) {
  before_value();
  quote(name);
  text_ += ": ";
  after_key_ = true;
}

void JsonWriter::quote(std::string_view text) {
  text_ += '"';
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) {
      text_ += kReplacement;
    } else if (length == 1) {
      append_ascii(text_, text.front());
    } else {
      text_ += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
}

void JsonWriter::value(std::string_view text) {
  before_value();
  quote(text);
}

void JsonWriter::value(int64_t number) {
  char buffer[24];
  before_value();
  text_ += spell(number, buffer);
}

void JsonWriter::value(uint64_t number) {
  char buffer[24];
  before_value();
  text_ += spell(number, buffer);
}

template <class Float>
void JsonWriter::value_of_float(Float number) {
  if (std::isnan(number)) return value("nan");
  if (std::isinf(number)) return value(number > 0 ? "inf" : "-inf");
  // The longest fixed notation that to_chars prefers to an exponent stays well below this.
  char buffer[128];
  const std::string_view text = spell(number, buffer);
  before_value();
  text_ += text;
  if (text.find_first_of(".e") == std::string_view::npos) text_ += ".0";
}

void JsonWriter::value(double number) { value_of_float(number); }
void JsonWriter::value(float number) { value_of_float(number); }

void JsonWriter::value(bool truth) {
  before_value();
  text_ += truth ? "true" : "false";
}

void JsonWriter::null() {
  before_value();
  text_ += "null";
}

}  // namespace rlx
