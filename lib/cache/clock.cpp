#include "cache/clock.h"

#include "support/files.h"

namespace rlx::cache {

const std::string& boot_id() {
  static const std::string id = [] {
    auto text = read_file("/proc/sys/kernel/random/boot_id");
    return text ? text->substr(0, text->find('\n')) : std::string();
  }();
  return id;
}

}  // namespace rlx::cache
