// How big a cache may grow.
#pragma once
#include <cstdint>
#include <string_view>

#include "support/result.h"

namespace rlx::cache {

struct Limits {
  // Of all files below the root.
  int64_t max_bytes = int64_t{20} << 30;
  int64_t max_files = 200'000;
  // Since the last use.
  int64_t max_age_s = INT64_MAX;
  // Percent of the file system that stays free.
  int64_t free_percent = 1;
  // Between two collections that nobody asked for.
  int64_t interval_s = 20 * 60;
};

// "max=20g:free=10%:age=30d:files=200k:interval=20m", any of them in any order; a size alone is
// max; "none" lifts a limit. kBadSetting names `setting`.
Result<Limits> parse_limits(std::string_view text, std::string_view setting);

// "20g", "512M", "200k", "17": powers of 1024.
Result<int64_t> parse_size(std::string_view text, std::string_view setting);
// "20m", "12h", "30d", "45s", as seconds.
Result<int64_t> parse_duration(std::string_view text, std::string_view setting);

// "1.4 GiB", as people read it.
std::string size_text(int64_t bytes);
// "3 d", "20 min".
std::string duration_text(int64_t seconds);

}  // namespace rlx::cache
