#include "cache/key.h"

#include <algorithm>

#include "cache/codes.h"

namespace rlx::cache {
namespace {

constexpr size_t kMaxLength = 160;

// The C locale's answer whatever the process has set.
bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_key_character(char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; }

bool is_key(std::string_view key) {
  if (key.empty() || key.size() > kMaxLength || !is_alphanumeric(key.front())) return false;
  if (key.find("..") != std::string_view::npos) return false;
  return std::all_of(key.begin(), key.end(), is_key_character);
}

// Whatever a hostile key holds, the message stays one short printable line.
std::string printable(std::string_view key) {
  std::string text(key.substr(0, 64));
  std::replace_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return key.size() > 64 ? text + "..." : text;
}

}  // namespace

Status check_key(std::string_view key) {
  if (is_key(key)) return {};
  return Error(kBadKey, "'" + printable(key) + "' is not a cache key",
               "keys are 1 to 160 letters, digits, '.', '_' and '-', the first a letter or a "
               "digit, without '..'");
}

std::string meta_name(std::string_view key) { return std::string(key) + ".meta.json"; }
std::string lir_name(std::string_view key) { return std::string(key) + ".lir.json"; }

}  // namespace rlx::cache
