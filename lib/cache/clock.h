// Times and boots, as the files of a cache say them.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <string>

namespace rlx::cache {

// Seconds since the epoch.
inline int64_t now_s() { return static_cast<int64_t>(::time(nullptr)); }

inline int64_t nanoseconds(const timespec& t) {
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// Of the running kernel; empty where it does not say.
const std::string& boot_id();

}  // namespace rlx::cache
