#include "cache/quarantine.h"

#include <fcntl.h>

namespace rlx::cache {
namespace {

constexpr off_t kBig = off_t{64} << 20;

}  // namespace

void quarantine(const Folder& root, const Folder& from, const std::string& name,
                const std::string& reason) {
  struct stat s;
  if (::fstatat(from.fd(), name.c_str(), &s, AT_SYMLINK_NOFOLLOW) != 0) return;
  const Folder to = root.make("quarantine");
  if (s.st_size > kBig || !to.ok() || !from.move(name, to)) {
    from.remove(name);
    return;
  }
  // Without its reason it is still out of the way.
  (void)put_file(to, root, name + ".reason", bytes_of(reason + '\n'), Durability::kFast);
}

}  // namespace rlx::cache
