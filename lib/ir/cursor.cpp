#include "ir/cursor.h"

#include <algorithm>
#include <charconv>

namespace rlx {
namespace {

// The C locale's classes, whatever the process has set.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_letter(c) || is_digit(c); }

}  // namespace

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void Cursor::skip_blanks() {
  at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
}

void Cursor::skip_comments() {
  skip_blanks();
  while (text_.substr(at_).starts_with("//")) {
    at_ = std::min(text_.find('\n', at_), text_.size());
    skip_blanks();
  }
}

bool Cursor::done() { return peek() == '\0' && at_ == text_.size(); }

char Cursor::peek() {
  skip_blanks();
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool Cursor::next_is(std::string_view token) {
  skip_blanks();
  const std::string_view rest = text_.substr(at_);
  if (!rest.starts_with(token)) return false;
  return !is_word(token.back()) || rest.size() == token.size() || !is_word(rest[token.size()]);
}

bool Cursor::eat(std::string_view token) {
  if (!next_is(token)) return false;
  at_ += token.size();
  return true;
}

bool Cursor::eat_here(std::string_view token) {
  // Blanks may have been skipped before.
  skip_blanks();
  const size_t last = text_.substr(0, at_).find_last_not_of(" \t\r");
  const bool begins_line = last == std::string_view::npos || text_[last] == '\n';
  return !begins_line && eat(token);
}

std::string_view Cursor::word() { return is_letter(peek()) ? run_of("_") : std::string_view(); }

std::string_view Cursor::run_of(std::string_view extra) {
  skip_blanks();
  const size_t start = at_;
  auto inside = [&](char c) { return is_word(c) || extra.find(c) != std::string_view::npos; };
  while (at_ < text_.size() && inside(text_[at_])) ++at_;
  return text_.substr(start, at_ - start);
}

std::optional<uint64_t> Cursor::natural() {
  skip_blanks();
  uint64_t value = 0;
  const char* end = text_.data() + text_.size();
  auto [rest, status] = std::from_chars(text_.data() + at_, end, value);
  if (status != std::errc()) return std::nullopt;
  at_ = static_cast<size_t>(rest - text_.data());
  return value;
}

Result<int64_t> Cursor::integer() {
  const bool negative = eat("-");
  auto magnitude = natural();
  if (!magnitude) return error("a whole number is missing here");
  const uint64_t limit = uint64_t{INT64_MAX} + (negative ? 1 : 0);
  if (*magnitude > limit) return error("this number does not fit 64 bits");
  return static_cast<int64_t>(negative ? 0 - *magnitude : *magnitude);
}

Result<std::string> Cursor::string() {
  if (!eat("\"")) return error("a string in double quotes is missing here");
  std::string s;
  while (at_ < text_.size() && text_[at_] != '"') {
    const char c = text_[at_++];
    if (c != '\\') {
      s += c;
      continue;
    }
    const char escape = at_ < text_.size() ? text_[at_++] : '\0';
    switch (escape) {
      case '"':
      case '\\': s += escape; continue;
      case 'n': s += '\n'; continue;
      case 't': s += '\t'; continue;
      case 'r': s += '\r'; continue;
    }
    const int high = at_ + 1 < text_.size() ? hex_value(text_[at_]) : -1;
    const int low = high >= 0 ? hex_value(text_[at_ + 1]) : -1;
    if (escape != 'x' || low < 0) return error("an escape that no string has");
    s += static_cast<char>(high * 16 + low);
    at_ += 2;
  }
  if (at_ == text_.size()) return error("a string without an end");
  ++at_;
  return s;
}

Status Cursor::expect(std::string_view token) {
  if (eat(token)) return {};
  return error("'" + std::string(token) + "' is missing here");
}

Error Cursor::error(std::string_view what) const {
  const std::string_view before = text_.substr(0, at_);
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  // Without a line break, rfind gives npos, and npos + 1 is 0.
  const size_t column = at_ - (before.rfind('\n') + 1) + 1;
  return Error(kUnreadableText, "line " + std::to_string(line) + ", column " +
                                    std::to_string(column) + ": " + std::string(what));
}

std::string quoted(std::string_view s) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : s) {
    auto byte = static_cast<uint8_t>(c);
    switch (c) {
      case '"': out += "\\\""; continue;
      case '\\': out += "\\\\"; continue;
      case '\n': out += "\\n"; continue;
      case '\t': out += "\\t"; continue;
      case '\r': out += "\\r"; continue;
    }
    if (byte >= 0x20 && byte != 0x7F) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out + '"';
}

}  // namespace rlx
