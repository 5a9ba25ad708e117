#include "cache/options.h"

#include <cstdlib>

#include "cache/codes.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

// Sets the variables that matter, and gives the old ones back.
class Environment {
 public:
  Environment() {
    for (const char* name : kNames) {
      const char* old = std::getenv(name);
      old_.emplace_back(old ? std::optional<std::string>(old) : std::nullopt);
      ::unsetenv(name);
    }
  }
  ~Environment() {
    for (size_t i = 0; i < old_.size(); ++i) {
      if (!old_[i]) ::unsetenv(kNames[i]);
      if (old_[i]) set(kNames[i], *old_[i]);
    }
  }
  void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

 private:
  static constexpr const char* kNames[] = {"RLX_CACHE_DIR",        "RLX_CACHE_MODE",
                                           "RLX_CACHE_DURABILITY", "RLX_CACHE_SALT",
                                           "XDG_CACHE_HOME",       "HOME"};
  Vec<std::optional<std::string>> old_;
};

Options from_environment() {
  auto options = options_from_environment();
  REQUIRE(options.ok());
  return *options;
}

TEST_CASE("where the cache is") {
  Environment environment;
  CHECK(from_environment().root.empty());
  environment.set("HOME", "relative");
  CHECK(from_environment().root.empty());
  environment.set("HOME", "/home/u");
  CHECK(from_environment().root == "/home/u/.cache/rlx");
  environment.set("XDG_CACHE_HOME", "relative");
  CHECK(from_environment().root == "/home/u/.cache/rlx");
  environment.set("XDG_CACHE_HOME", "/x");
  CHECK(from_environment().root == "/x/rlx");
  environment.set("RLX_CACHE_DIR", "");
  CHECK(from_environment().root == "/x/rlx");
  environment.set("RLX_CACHE_DIR", "/c");
  CHECK(from_environment().root == "/c");
  environment.set("RLX_CACHE_DIR", "c");
  CHECK(from_environment().root == (fs::current_path() / "c").string());
}

TEST_CASE("mode, durability and salt") {
  Environment environment;
  environment.set("RLX_CACHE_DIR", "/c");
  CHECK(from_environment().mode == Mode::kReadWrite);
  CHECK(from_environment().durability == Durability::kSafe);
  environment.set("RLX_CACHE_MODE", "ro");
  environment.set("RLX_CACHE_DURABILITY", "full");
  environment.set("RLX_CACHE_SALT", "s");
  CHECK(from_environment().mode == Mode::kReadOnly);
  CHECK(from_environment().durability == Durability::kFull);
  CHECK(from_environment().salt == "s");
  environment.set("RLX_CACHE_MODE", "readonly");
  auto options = options_from_environment();
  CHECK(options.error().first().code == kBadSetting);
  CHECK(options.error().first().message == "RLX_CACHE_MODE is 'readonly'");
  CHECK(options.error().first().hint == "it is one of rw, ro, off, refresh");
}

}  // namespace
}  // namespace rlx::cache
