#include "cache/limits.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

#include "cache/codes.h"

namespace rlx::cache {
namespace {

struct Unit {
  char letter;
  int64_t factor;
};

constexpr std::array<Unit, 4> kBytes{
    {{'k', 1 << 10}, {'m', 1 << 20}, {'g', 1 << 30}, {'t', int64_t{1} << 40}}};
constexpr std::array<Unit, 4> kThousands{
    {{'k', 1'000}, {'m', 1'000'000}, {'g', 1'000'000'000}, {'t', 1'000'000'000'000}}};
constexpr std::array<Unit, 4> kSeconds{{{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}}};
constexpr std::string_view kNone = "none";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Error wrong(std::string_view text, std::string_view setting, std::string_view form) {
  return Error(kBadSetting, fmt::format("{} is '{}'", setting, text),
               fmt::format("it looks like {}", form));
}

// A number and at most one unit.
template <size_t n>
std::optional<int64_t> parse_number(std::string_view text, const std::array<Unit, n>& units) {
  if (text == kNone) return INT64_MAX;
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  if (rest.empty()) return value;
  if (rest.size() != 1) return std::nullopt;
  for (const Unit& unit : units) {
    if (lower(rest[0]) != unit.letter) continue;
    return value > INT64_MAX / unit.factor ? INT64_MAX : value * unit.factor;
  }
  return std::nullopt;
}

Status set_limit(Limits& limits, std::string_view item, std::string_view setting) {
  const size_t equals = item.find('=');
  const std::string_view name = item.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? "" : item.substr(equals + 1);
  std::optional<int64_t> number;
  int64_t* place = nullptr;
  if (name == "max") number = parse_number(value, kBytes), place = &limits.max_bytes;
  if (name == "files") number = parse_number(value, kThousands), place = &limits.max_files;
  if (name == "age") number = parse_number(value, kSeconds), place = &limits.max_age_s;
  if (name == "interval") number = parse_number(value, kSeconds), place = &limits.interval_s;
  if (name == "free" && value.ends_with('%')) {
    number = parse_number(value.substr(0, value.size() - 1), kThousands);
    if (number && *number > 100) number.reset();
    place = &limits.free_percent;
  }
  if (!number) return wrong(item, setting, "max=20g:free=10%:age=30d:files=200k:interval=20m");
  *place = *number;
  return {};
}

}  // namespace

Result<int64_t> parse_size(std::string_view text, std::string_view setting) {
  if (auto bytes = parse_number(text, kBytes)) return *bytes;
  return wrong(text, setting, "512M, 20G or none");
}

Result<int64_t> parse_duration(std::string_view text, std::string_view setting) {
  if (auto seconds = parse_number(text, kSeconds)) return *seconds;
  return wrong(text, setting, "45s, 20m, 12h, 30d or none");
}

Result<Limits> parse_limits(std::string_view text, std::string_view setting) {
  Limits limits;
  if (text.find('=') == std::string_view::npos) {
    RLX_TRY(limits.max_bytes, parse_size(text, setting));
    return limits;
  }
  while (!text.empty()) {
    const size_t end = text.find(':');
    RLX_TRY_VOID(set_limit(limits, text.substr(0, end), setting));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return limits;
}

std::string size_text(int64_t bytes) {
  constexpr std::array<const char*, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kNames.size(); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kNames[unit]);
}

std::string duration_text(int64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  if (seconds < 172800) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

}  // namespace rlx::cache
