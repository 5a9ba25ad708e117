#include "support/process.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/codes.h"
#include "support/fd.h"

namespace rlx {
namespace {

bool can_run(const std::string& path) {
  std::error_code ignored;
  return ::access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path, ignored);
}

// What is to be done in the new process, before it is another program.
class Actions {
 public:
  Actions() { ::posix_spawn_file_actions_init(&actions_); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  void write_to(int fd) {
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, fd, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, fd, STDERR_FILENO);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

std::string read_to_end(int fd) {
  std::string text;
  char piece[4096];
  for (ptrdiff_t got = 1; got > 0;) {
    got = read_all(fd, std::as_writable_bytes(std::span(piece)));
    if (got > 0) text.append(piece, static_cast<size_t>(got));
  }
  return text;
}

int wait_for(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Error cannot_start(const std::string& program, int error) {
  return Error(kNoProgram, program + " cannot be started: " + std::strerror(error));
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return can_run(name) ? name : "";
  const char* path = std::getenv("PATH");
  std::string_view left = path != nullptr ? path : "";
  while (!left.empty()) {
    const size_t end = std::min(left.find(':'), left.size());
    const std::string place = std::string(left.substr(0, end)) + "/" + name;
    if (end != 0 && can_run(place)) return place;
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return "";
}

Result<Ended> run_program(const Vec<std::string>& arguments) {
  int ends[2] = {};
  if (::pipe2(ends, O_CLOEXEC) != 0) return cannot_start(arguments[0], errno);
  const Fd from(ends[0]);
  Fd to(ends[1]);
  Actions actions;
  actions.write_to(to.get());
  Vec<char*> words;
  for (const std::string& a : arguments) words.push_back(const_cast<char*>(a.c_str()));
  words.push_back(nullptr);
  pid_t process = 0;
  const int error =
      ::posix_spawn(&process, words[0], actions.get(), nullptr, words.data(), environ);
  if (error != 0) return cannot_start(arguments[0], error);
  to.close();
  Ended ended;
  ended.output = read_to_end(from.get());
  ended.status = wait_for(process);
  return ended;
}

Result<TemporaryFile> TemporaryFile::make(std::string_view content) {
  std::error_code error;
  TemporaryFile made;
  std::string path = std::filesystem::temp_directory_path(error).string() + "/rlx-XXXXXX";
  const Fd file(error ? -1 : ::mkostemp(path.data(), O_CLOEXEC));
  if (file.ok()) made.path_ = path;
  if (file.ok() && write_all(file.get(), bytes_of(content))) return made;
  return Error(kCannotWriteFile, path + ": " + std::strerror(errno), "TMPDIR says another folder");
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::string own_program() {
  std::error_code failed;
  return std::filesystem::read_symlink("/proc/self/exe", failed).string();
}

Vec<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  Vec<std::string> arguments;
  for (size_t at = 0; at < all.size(); at += arguments.back().size() + 1) {
    arguments.emplace_back(all.c_str() + at);
  }
  return arguments;
}

}  // namespace rlx
