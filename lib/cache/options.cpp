#include "cache/options.h"

#include <array>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "cache/codes.h"
#include "support/log.h"

namespace rlx::cache {
namespace {

template <class T>
struct Choice {
  std::string_view name;
  T value;
};

template <class T, size_t n>
Result<T> choose(const std::array<Choice<T>, n>& choices, std::string_view text,
                 std::string_view setting) {
  Vec<std::string_view> names;
  for (const Choice<T>& choice : choices) {
    if (choice.name == text) return choice.value;
    names.push_back(choice.name);
  }
  return Error(kBadSetting, fmt::format("{} is '{}'", setting, text),
               fmt::format("it is one of {}", fmt::join(names, ", ")));
}

// XDG's rule for both: a relative path there is ignored.
bool is_absolute(std::string_view path) { return path.starts_with('/'); }

std::string absolute(std::string_view path) {
  std::error_code ignored;
  return std::filesystem::absolute(path, ignored).string();
}

// RLX_CACHE_PATH cut at its colons.
Vec<std::string> path_from_environment() {
  Vec<std::string> folders;
  std::string_view rest = variable("RLX_CACHE_PATH");
  while (!rest.empty()) {
    const size_t end = rest.find(':');
    const std::string_view folder = rest.substr(0, end);
    if (folders.empty() || !folder.empty()) {
      folders.push_back(folder.empty() ? "" : absolute(folder));
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return folders;
}

std::string root_from_environment() {
  if (auto dir = variable("RLX_CACHE_DIR"); !dir.empty()) return absolute(dir);
  if (auto dir = variable("XDG_CACHE_HOME"); is_absolute(dir)) return std::string(dir) + "/rlx";
  if (auto home = variable("HOME"); is_absolute(home)) return std::string(home) + "/.cache/rlx";
  return {};
}

}  // namespace

Result<Mode> parse_mode(std::string_view text, std::string_view setting) {
  constexpr std::array<Choice<Mode>, 4> kModes{{{"rw", Mode::kReadWrite},
                                                {"ro", Mode::kReadOnly},
                                                {"off", Mode::kOff},
                                                {"refresh", Mode::kRefresh}}};
  return choose(kModes, text, setting);
}

Result<Verify> parse_verify(std::string_view text, std::string_view setting) {
  constexpr std::array<Choice<Verify>, 3> kLevels{
      {{"full", Verify::kFull}, {"stamp", Verify::kStamp}, {"lir", Verify::kLir}}};
  return choose(kLevels, text, setting);
}

Result<Durability> parse_durability(std::string_view text, std::string_view setting) {
  constexpr std::array<Choice<Durability>, 3> kLevels{
      {{"fast", Durability::kFast}, {"safe", Durability::kSafe}, {"full", Durability::kFull}}};
  return choose(kLevels, text, setting);
}

Result<Options> options_from_environment() {
  Options options{.root = root_from_environment()};
  options.salt = variable("RLX_CACHE_SALT");
  options.layers = path_from_environment();
  if (!options.layers.empty()) {
    if (!options.layers[0].empty()) options.root = options.layers[0];
    options.layers.erase(options.layers.begin());
  }
  if (auto limits = variable("RLX_CACHE_LIMITS"); !limits.empty()) {
    RLX_TRY(options.limits, parse_limits(limits, "RLX_CACHE_LIMITS"));
  }
  if (auto size = variable("RLX_CACHE_MAX_SIZE"); !size.empty()) {
    RLX_TRY(options.limits.max_bytes, parse_size(size, "RLX_CACHE_MAX_SIZE"));
  }
  if (auto mode = variable("RLX_CACHE_MODE"); !mode.empty()) {
    RLX_TRY(options.mode, parse_mode(mode, "RLX_CACHE_MODE"));
  }
  if (auto level = variable("RLX_CACHE_DURABILITY"); !level.empty()) {
    RLX_TRY(options.durability, parse_durability(level, "RLX_CACHE_DURABILITY"));
  }
  return options;
}

std::string_view variable(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

}  // namespace rlx::cache
