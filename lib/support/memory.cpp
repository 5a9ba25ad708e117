#include "support/memory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/codes.h"
#include "support/fd.h"

namespace rlx {
namespace {

constexpr int64_t kUnknown = INT64_MAX;

// The beginning of a small file of the system; empty where it is not there.
std::string head_of(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return {};
  std::string text(4096, '\0');
  const ptrdiff_t got = read_all(fd.get(), std::as_writable_bytes(std::span(text)));
  text.resize(static_cast<size_t>(std::max<ptrdiff_t>(got, 0)));
  return text;
}

// The number that follows `name` and blanks.
int64_t number_after(std::string_view text, std::string_view name) {
  size_t at = text.find(name);
  if (at == std::string_view::npos) return kUnknown;
  at = text.find_first_not_of(" \t", at + name.size());
  int64_t value = 0;
  if (at == std::string_view::npos) return kUnknown;
  auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
  return error == std::errc() ? value : kUnknown;
}

int64_t free_on_machine() {
  const std::string text = head_of("/proc/meminfo");
  const int64_t available = number_after(text, "MemAvailable:"),
                swap = number_after(text, "SwapFree:");
  if (available == kUnknown) return kUnknown;
  return (available + (swap == kUnknown ? 0 : swap)) * 1024;
}

// Of a limit and what is taken of it, in two files of one folder.
int64_t free_below(const std::string& folder, const char* limit, const char* taken) {
  const int64_t most = number_after(head_of(folder + limit), "");
  const int64_t now = number_after(head_of(folder + taken), "");
  if (most == kUnknown || now == kUnknown) return kUnknown;
  return std::max<int64_t>(0, most - now);
}

// The path after "0::" of /proc/self/cgroup; a container sees its own group as the root.
std::string own_group() {
  const std::string text = head_of("/proc/self/cgroup");
  const size_t at = text.find("0::");
  if (at == std::string::npos) return {};
  return text.substr(at + 3, text.find('\n', at) - at - 3);
}

// Pages of files that the group holds are given back when they are wanted, and count as taken here:
// only limits are compared that leave nothing even so.
int64_t free_in_group() {
  constexpr const char* kRoot = "/sys/fs/cgroup";
  int64_t least =
      free_below(std::string(kRoot) + "/memory/", "memory.limit_in_bytes", "memory.usage_in_bytes");
  std::string path = own_group();
  while (true) {
    const std::string folder = kRoot + path + "/";
    int64_t left = free_below(folder, "memory.max", "memory.current");
    const int64_t files = number_after(head_of(folder + "memory.stat"), "\nfile ");
    if (left != kUnknown && files != kUnknown) left += files;
    least = std::min(least, left);
    if (path.empty() || path == "/") return least;
    path.resize(path.find_last_of('/'));
  }
}

int64_t free_address_space() {
  struct rlimit limit;
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnknown;
  const int64_t pages = number_after(head_of("/proc/self/statm"), "");
  if (pages == kUnknown) return kUnknown;
  return std::max<int64_t>(0, static_cast<int64_t>(limit.rlim_cur) - pages * ::getpagesize());
}

}  // namespace

int64_t free_memory() {
  return std::min({free_on_machine(), free_in_group(), free_address_space()});
}

Status check_memory(std::string_view what, uint64_t bytes) {
  if (bytes < kSmallMemory) return {};
  if (bytes <= static_cast<uint64_t>(free_memory())) return {};
  return no_memory_for(what, bytes);
}

Error no_memory_for(std::string_view what, uint64_t bytes) {
  const int64_t free = free_memory();
  return Error(kOutOfMemory,
               fmt::format("{} takes {}, and {} are free", what, memory_text(bytes),
                           memory_text(static_cast<uint64_t>(free))),
               "smaller dims, or a machine or limit with more memory");
}

std::string memory_text(uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  if (value >= 10 || unit == 0) return fmt::format("{:.0f} {}", value, kUnits[unit]);
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace rlx
