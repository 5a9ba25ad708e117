#include "runtime/cpu/cores.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <sched.h>

#include "support/files.h"

namespace rlx::runtime::cpu {
namespace {

// The file's text; empty where it cannot be read.
std::string text_of(const std::string& path) {
  auto text = read_file(path);
  return text ? std::move(*text) : std::string();
}

// The number at the start of text, which then begins behind it and a blank.
std::optional<int64_t> take_number(std::string_view& text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return {};
  text.remove_prefix(end - text.data());
  if (text.starts_with(' ')) text.remove_prefix(1);
  return number;
}

// The first CPU of the core that this one belongs to; itself where the system does not say.
int64_t core_of(int cpu) {
  const std::string siblings =
      text_of(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
  std::string_view rest = siblings;
  return take_number(rest).value_or(cpu);
}

int allowed_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  std::set<int64_t> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cores.insert(core_of(cpu));
  }
  return static_cast<int>(cores.size());
}

// "200000 100000" is two CPUs' worth of time, "max 100000" any.
int cpus_in(std::string_view cpu_max) {
  std::optional<int64_t> quota = take_number(cpu_max), period = take_number(cpu_max);
  if (!quota || !period || *quota <= 0 || *period <= 0) return INT_MAX;
  return static_cast<int>(std::min<int64_t>((*quota + *period - 1) / *period, INT_MAX));
}

// This process's group in the unified hierarchy: the line "0::/path".
std::string own_group() {
  const std::string groups = text_of("/proc/self/cgroup");
  size_t begin = groups.starts_with("0::") ? 0 : groups.find("\n0::");
  if (begin == std::string::npos) return "/";
  begin = groups.find('/', begin);
  if (begin == std::string::npos) return "/";
  return groups.substr(begin, groups.find('\n', begin) - begin);
}

}  // namespace

int granted_cpus(const std::string& root, std::string path) {
  for (int granted = INT_MAX;;) {
    granted = std::min(granted, cpus_in(text_of(root + path + "/cpu.max")));
    const size_t parent = path.rfind('/');
    if (parent == std::string::npos) return granted;
    path.resize(parent);
  }
}

int default_threads() {
  return std::max(1, std::min(allowed_cores(), granted_cpus("/sys/fs/cgroup", own_group())));
}

bool has_idle_cpus(const std::string& loadavg, int wanted) {
  std::string_view rest = loadavg;
  for (int field = 0; field < 3; ++field) {
    const size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) return false;
    rest.remove_prefix(blank + 1);
  }
  cpu_set_t set;
  const std::optional<int64_t> running = take_number(rest);
  if (!running || sched_getaffinity(0, sizeof set, &set) != 0) return false;
  return CPU_COUNT(&set) - *running >= wanted;
}

bool has_idle_cpus(int wanted) { return has_idle_cpus(text_of("/proc/loadavg"), wanted); }

}  // namespace rlx::runtime::cpu
