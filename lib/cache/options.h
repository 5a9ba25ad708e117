// Where the cache is and how far it is trusted: from the environment, which flags then override.
#pragma once
#include <string>
#include <string_view>

#include "cache/limits.h"
#include "support/result.h"

namespace rlx::cache {

enum class Mode {
  kReadWrite,
  kReadOnly,
  kOff,
  // Every lookup misses, and what is compiled replaces what is there.
  kRefresh,
};

// What is digested before use. Meta, LIR and images are whatever this says: they become code.
enum class Verify {
  // Weights and constant forms too, at each read.
  kFull,
  // Weights and constant forms once a boot; later starts compare the file's stamp.
  kStamp,
  // Weights and constant forms by their size alone.
  kLir,
};

// How hard a published entry is kept over a power loss; digests find what was lost all the same.
enum class Durability { kFast, kSafe, kFull };

struct Options {
  // Absolute. Empty: there is no place for a cache, which opening it finds out.
  std::string root;
  Mode mode = Mode::kReadWrite;
  Verify verify = Verify::kStamp;
  Durability durability = Durability::kSafe;
  // Whether trouble with the cache is an error (exit 8) instead of a warning.
  bool strict = false;
  // Kept by a collection after a publish, now and then.
  Limits limits = {};
  // Folders that are only read, after the root and in this order.
  Vec<std::string> layers = {};
  // RLX_CACHE_SALT, for whoever computes keys: another salt, another key.
  std::string salt;
};

// From RLX_CACHE_DIR, _PATH, _MODE, _DURABILITY, _LIMITS, _MAX_SIZE and _SALT. RLX_CACHE_PATH is
// root:layer:layer, its root being that of RLX_CACHE_DIR where it is empty. Without either the root
// is $XDG_CACHE_HOME/rlx, else ~/.cache/rlx, else empty.
Result<Options> options_from_environment();

// As the variables and the flags spell them; kBadSetting names `setting` and lists the choices.
Result<Mode> parse_mode(std::string_view text, std::string_view setting);
Result<Verify> parse_verify(std::string_view text, std::string_view setting);
Result<Durability> parse_durability(std::string_view text, std::string_view setting);

// Of the environment; empty where it is unset: an empty variable counts as none.
std::string_view variable(const char* name);

}  // namespace rlx::cache
