#include "cache/lock.h"

#include <cerrno>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/inflight.h"
#include "support/log.h"

namespace rlx::cache {
namespace {

using Clock = std::chrono::steady_clock;

// Keys take the bytes below this one.
constexpr int64_t kCollectorByte = int64_t{1} << 62;
constexpr int64_t kOneCollectorByte = kCollectorByte + 1;
constexpr auto kPollEvery = std::chrono::milliseconds(5);
constexpr auto kTellAfter = std::chrono::seconds(1);
constexpr auto kTellEvery = std::chrono::seconds(10);

// The first 62 bits of the key's digest: two keys of one byte would only wait for each other.
int64_t byte_of(std::string_view key) {
  Digest digest = sha256(bytes_of(key));
  uint64_t bits = 0;
  std::memcpy(&bits, digest.bytes.data(), sizeof bits);
  return static_cast<int64_t>(bits >> 2);
}

// A descriptor of its own for each lock: two threads of one process must exclude each other too.
Fd open_lock_file(const Folder& root) {
  Fd fd(::openat(root.fd(), "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  // Enough to share a lock and to look at others'.
  return fd.ok() ? std::move(fd)
                 : Fd(::openat(root.fd(), "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
}

bool set_lock(const Fd& fd, int command, short type, int64_t byte) {
  struct flock range = {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  return ::fcntl(fd.get(), command, &range) == 0;
}

Fd try_lock(const Folder& root, int64_t byte) {
  Fd fd = open_lock_file(root);
  if (fd.ok() && set_lock(fd, F_OFD_SETLK, F_WRLCK, byte)) return fd;
  return {};
}

bool is_held(const Folder& root, int64_t byte) {
  const Fd fd = open_lock_file(root);
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  return fd.ok() && ::fcntl(fd.get(), F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

// Linux says EAGAIN where another has the lock; anything else is no lock to wait for.
bool is_busy() { return errno == EAGAIN || errno == EINTR; }

void tell_progress(const Folder& root, std::string_view key) {
  const std::string progress = progress_of(root, key);
  log::note(fmt::format("cache: waiting for {} that compiles {}{}",
                        progress.empty() ? "another process" : "the process", key,
                        progress.empty() ? progress : " (" + progress + ")"));
}

}  // namespace

KeyLock KeyLock::acquire(const Folder& root, std::string_view key,
                         std::chrono::milliseconds timeout) {
  Fd fd = open_lock_file(root);
  if (!fd.ok()) return {};
  const int64_t byte = byte_of(key);
  auto start = Clock::now();
  // Polled, because a blocking wait knows no timeout.
  auto tell = start + kTellAfter;
  while (!set_lock(fd, F_OFD_SETLK, F_WRLCK, byte)) {
    if (!is_busy() || Clock::now() - start >= timeout) return {};
    if (Clock::now() >= tell) {
      tell_progress(root, key);
      tell = Clock::now() + kTellEvery;
    }
    std::this_thread::sleep_for(kPollEvery);
  }
  return KeyLock(std::move(fd));
}

Status check_locks(const Folder& root) {
  const Fd fd = open_lock_file(root);
  if (!fd.ok()) return root.error(kCannotRead, "open", "lock");
  struct flock range = {};
  range.l_type = F_RDLCK;
  range.l_whence = SEEK_SET;
  range.l_start = kCollectorByte + 2;
  range.l_len = 1;
  if (::fcntl(fd.get(), F_OFD_GETLK, &range) == 0) return {};
  return io_error(kUnusableRoot, "lock in", root.path());
}

bool is_locked(const Folder& root, std::string_view key) { return is_held(root, byte_of(key)); }

SweepLock SweepLock::try_acquire(const Folder& root) {
  return SweepLock(try_lock(root, kCollectorByte));
}

CollectorLock CollectorLock::acquire(const Folder& root, std::chrono::milliseconds patience) {
  auto end = Clock::now() + patience;
  while (true) {
    Fd fd = try_lock(root, kOneCollectorByte);
    if (fd.ok() || !is_busy() || Clock::now() >= end) return CollectorLock(std::move(fd));
    std::this_thread::sleep_for(kPollEvery);
  }
}

PublishLock PublishLock::acquire(const Folder& root) {
  Fd fd = open_lock_file(root);
  if (fd.ok()) set_lock(fd, F_OFD_SETLKW, F_RDLCK, kCollectorByte);
  return PublishLock(std::move(fd));
}

}  // namespace rlx::cache
