// The one way to write a file that a user named: its path holds the old bytes or the new ones,
// whatever happens meanwhile, and nothing but a regular file is ever replaced.
#pragma once
#include <string>

#include "support/fd.h"
#include "support/result.h"

namespace rlx {

struct UnfinishedOutput;

// Pipes, devices and /dev/stdout are written to as they are; a link stays, and what it leads to is
// replaced; a folder is an error. Everything else is written under a name beside it and then renamed,
// with the mode of the file that was there.
class OutputFile {
 public:
  enum class Over : uint8_t {
    kAnything,
    // An error where something has the name already, even a link that leads nowhere.
    kNothing,
  };

  // Errors 11001 name the path and the cause. `mode` goes through the umask.
  static Result<OutputFile> create(const std::string& path, unsigned mode = 0666,
                                   Over over = Over::kAnything);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  // What was not finished is gone.
  ~OutputFile();

  int fd() const { return fd_.get(); }
  Status append(Bytes data);
  // The path has all of it from here on.
  Status finish();

 private:
  OutputFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  Fd fd_;
  // Where it is renamed: from, which nobody owns, and to.
  UnfinishedOutput* temporary_ = nullptr;
  std::string target_;
  Over over_ = Over::kAnything;
};

// Removes what is being written now: for a process that ends in the middle of it. Async-signal-safe.
void remove_unfinished_outputs();

}  // namespace rlx
