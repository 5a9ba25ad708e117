// Says which command touched which buffer where it may not: with --check-memory a wrong address ends at
// memory that nobody may touch, and a bare "segmentation fault" would not help.
#pragma once
#include "image/image.h"

namespace rlx::runtime::cpu {

// A buffer and the pages around it that belong to no other.
struct WatchedBuffer {
  uint32_t buffer = 0;
  const std::byte* data = nullptr;
  size_t size = 0;
  const std::byte* pages = nullptr;
  size_t pages_size = 0;
};

// As long as this lives, a fault in a command writes a line to stderr and ends the process with exit code 1,
// an internal error. One at a time: a later one takes over.
class FaultReport {
 public:
  // The image must outlive this.
  explicit FaultReport(const image::Image& image);
  ~FaultReport();
  FaultReport(const FaultReport&) = delete;
  FaultReport& operator=(const FaultReport&) = delete;

  // Not while commands run.
  void watch(Vec<WatchedBuffer> buffers) { buffers_ = std::move(buffers); }
  // What this thread is at.
  static void at_command(uint32_t command);
  static void at_nothing();

  // What is said of a fault at that address in that command.
  std::string line(const std::byte* address, uint32_t command) const;
  // Says it and ends the process, in a signal handler too.
  [[noreturn]] void end(const std::byte* address, uint32_t command) const;

 private:
  const image::Image& image_;
  Vec<WatchedBuffer> buffers_;
};

}  // namespace rlx::runtime::cpu
