#include "support/fd.h"

#include <cerrno>

#include <unistd.h>

namespace rlx {

bool Fd::close() {
  const int fd = std::exchange(fd_, -1);
  if (fd < 0) return true;
  // A destructor that runs between a failure and its report must not hide the cause.
  const int cause = errno;
  if (::close(fd) != 0) return false;
  errno = cause;
  return true;
}

bool write_all(int fd, Bytes data) {
  while (!data.empty()) {
    const ssize_t put = ::write(fd, data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    data = data.subspan(static_cast<size_t>(put));
  }
  return true;
}

ptrdiff_t read_all(int fd, std::span<std::byte> out) {
  size_t size = 0;
  while (size < out.size()) {
    const ssize_t got = ::read(fd, out.data() + size, out.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  return static_cast<ptrdiff_t>(size);
}

}  // namespace rlx
