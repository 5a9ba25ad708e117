// Locks of the store: byte ranges of its one file `lock`, freed by the kernel when a process dies.
//
// They save work and never carry correctness: where there are none (a read-only root, a file system
// without them), everything goes on and readers trust digests as ever.
#pragma once
#include <chrono>
#include <string_view>

#include "cache/folder.h"

namespace rlx::cache {

// Held while one process compiles one key. Lock a base key before the key of its variant.
class KeyLock {
 public:
  KeyLock() = default;
  // Waits until it is free; not held after `timeout`, or where there are no locks.
  static KeyLock acquire(const Folder& root, std::string_view key,
                         std::chrono::milliseconds timeout);

  bool held() const { return fd_.ok(); }

 private:
  explicit KeyLock(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

// That there are locks in this cache: kCannotRead where its lock file may not be opened, kUnusableRoot
// where the file system has none.
Status check_locks(const Folder& root);

// Whether a process holds the lock of that key.
bool is_locked(const Folder& root, std::string_view key);

// Held while an entry is published, so that no collector removes what it is about to name.
class PublishLock {
 public:
  PublishLock() = default;
  static PublishLock acquire(const Folder& root);

 private:
  explicit PublishLock(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

// The other side of PublishLock: while it is held nobody publishes. Hold it for milliseconds.
class SweepLock {
 public:
  // Never waits, so that publishers are not kept waiting behind a collector that waits for others.
  static SweepLock try_acquire(const Folder& root);
  bool held() const { return fd_.ok(); }

 private:
  explicit SweepLock(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

// Held by the one collector of a cache.
class CollectorLock {
 public:
  CollectorLock() = default;
  // Waits for another collector that long; not held after it, or where there are no locks.
  static CollectorLock acquire(const Folder& root, std::chrono::milliseconds patience);
  bool held() const { return fd_.ok(); }

 private:
  explicit CollectorLock(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

}  // namespace rlx::cache
