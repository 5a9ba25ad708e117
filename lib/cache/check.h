// Verification of everything that a cache holds, byte by byte.
#pragma once
#include "cache/store.h"

namespace rlx::cache {

struct Finding {
  enum class Kind { kWhole, kDamaged, kForeign, kUnreadable };

  std::string key;
  Kind kind = Kind::kWhole;
  // One line for people; empty where it is whole.
  std::string what = {};
  std::string hint = {};
};

std::string_view name(Finding::Kind kind);

// One finding for each of the keys, or for all entries: record, LIR and every blob are read and
// digested. What is not there, or is removed meanwhile, has none. With `repair`, what is damaged is moved
// to quarantine/, so that the next request makes it again. Errors: a cache that cannot be listed, or for
// `repair` not be written.
Result<Vec<Finding>> check(Store& store, const Vec<std::string>& keys, bool repair);

}  // namespace rlx::cache
