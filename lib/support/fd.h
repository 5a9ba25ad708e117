// An open file descriptor that closes itself, and whole reads and writes on one.
#pragma once
#include <utility>

#include "support/hash.h"

namespace rlx {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { close(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  // Closes now; false where the kernel could not keep what was written.
  bool close();

 private:
  int fd_ = -1;
};

// All of data, over interruptions and short writes; false with errno set.
bool write_all(int fd, Bytes data);

// Fills out from the file's position; the bytes read, fewer at the end of the file, or -1 with
// errno.
ptrdiff_t read_all(int fd, std::span<std::byte> out);

}  // namespace rlx
