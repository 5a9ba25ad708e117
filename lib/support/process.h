// Programs of others, run to their end.
#pragma once
#include <string>
#include <utility>

#include "support/result.h"

namespace rlx {

// Its place: `name` itself where it has a slash, else the first on the PATH; empty: there is none that can be run.
std::string find_program(const std::string& name);

struct Ended {
  // Of exit(); 128 and the signal where one ended it.
  int status = 0;
  // What it wrote on stdout and stderr.
  std::string output;
};

// arguments[0] is the program's place. Nothing is on its stdin. Error 7003 where it cannot be started.
Result<Ended> run_program(const Vec<std::string>& arguments);

// Where the program that this process runs lies; empty where the system does not tell.
std::string own_program();
// What this process was started with, its name first, as the system has it; none where it does not tell.
Vec<std::string> own_arguments();

// A file of a name of its own in the system's folder for such, gone with this.
class TemporaryFile {
 public:
  // Error 11001.
  static Result<TemporaryFile> make(std::string_view content);
  TemporaryFile() = default;
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace rlx
