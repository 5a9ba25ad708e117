#include "support/output_file.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/codes.h"

namespace rlx {
namespace {

// As many as the kernel follows.
constexpr int kMostLinks = 40;

Error output_failure(const std::string& path) {
  return Error(kCannotWriteFile, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

// What a link holds; empty where the path is none.
std::string link_text(const std::string& path) {
  char text[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), text, sizeof text);
  return size < 0 ? std::string() : std::string(text, static_cast<size_t>(size));
}

// The file that links lead to, whether it is there or not; nullopt, with errno, where they lead nowhere
// at all.
std::optional<std::string> resolved(std::string path) {
  for (int i = 0; i < kMostLinks; ++i) {
    const std::string next = link_text(path);
    if (next.empty()) return path;
    path = next.starts_with('/') ? next : folder_of(path).append(next);
  }
  errno = ELOOP;
  return std::nullopt;
}

// The descriptor that /dev/stdout and its like stand for: opening what is behind it anew would write
// over what is there already.
std::optional<int> descriptor_of(std::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    const std::string_view number = path.substr(folder.size());
    int fd = -1;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), fd);
    if (error == std::errc() && end == number.data() + number.size()) return fd;
  }
  return std::nullopt;
}

// A name beside path that no other process or thread of this machine uses now.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> counter = 0;
  return fmt::format("{}.tmp.{}.{}", path, ::getpid(), counter++);
}

}  // namespace

// A file under its temporary name. Whoever ends the process walks the list, in a signal handler that
// may have interrupted anything: so it needs no lock and no memory, nothing is ever taken from it and
// no name changes.
struct UnfinishedOutput {
  std::string name;
  std::atomic<bool> is_there = true;
  UnfinishedOutput* next = nullptr;
};

namespace {

std::atomic<UnfinishedOutput*> all_unfinished = nullptr;

UnfinishedOutput* remember(const std::string& temporary) {
  auto* output = new UnfinishedOutput{.name = temporary, .next = all_unfinished};
  while (!all_unfinished.compare_exchange_weak(output->next, output)) {
  }
  return output;
}

}  // namespace

Result<OutputFile> OutputFile::create(const std::string& path, unsigned mode, Over over) {
  if (auto fd = descriptor_of(path)) {
    OutputFile file(path, Fd(::fcntl(*fd, F_DUPFD_CLOEXEC, 0)));
    if (!file.fd_.ok()) return output_failure(path);
    return file;
  }
  struct stat there;
  bool exists = ::lstat(path.c_str(), &there) == 0;
  if (exists && over == Over::kNothing) {
    errno = EEXIST;
    return output_failure(path);
  }
  exists = exists && ::stat(path.c_str(), &there) == 0;
  if (exists && !S_ISREG(there.st_mode)) {
    OutputFile file(path, Fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC)));
    if (!file.fd_.ok()) return output_failure(path);
    return file;
  }
  OutputFile file(path, Fd());
  file.over_ = over;
  auto target = resolved(path);
  if (!target) return output_failure(path);
  file.target_ = *target;
  const std::string name = temporary_name(file.target_);
  // What a killed process of the same id left is in nobody's use.
  ::unlink(name.c_str());
  // Before there is such a file, so that none is left whenever the process ends.
  UnfinishedOutput* temporary = remember(name);
  file.fd_ = Fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  temporary->is_there = file.fd_.ok();
  if (!file.fd_.ok()) return output_failure(path);
  file.temporary_ = temporary;
  if (exists) ::fchmod(file.fd(), there.st_mode & 07777);
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::move(other.fd_)),
      temporary_(std::exchange(other.temporary_, nullptr)),
      target_(std::move(other.target_)),
      over_(other.over_) {}

OutputFile::~OutputFile() {
  if (!temporary_) return;
  const int cause = errno;
  ::unlink(temporary_->name.c_str());
  temporary_->is_there = false;
  errno = cause;
}

Status OutputFile::append(Bytes data) {
  return write_all(fd(), data) ? Status() : Status(output_failure(path_));
}

Status OutputFile::finish() {
  if (!fd_.close()) return output_failure(path_);
  if (!temporary_) return {};
  const unsigned flags = over_ == Over::kNothing ? RENAME_NOREPLACE : 0;
  const char *from = temporary_->name.c_str(), *to = target_.c_str();
  bool renamed = ::renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) == 0;
  // Where the file system cannot refuse, a hard link does.
  if (!renamed && flags != 0 && (errno == EINVAL || errno == ENOSYS)) {
    renamed = ::link(from, to) == 0 && ::unlink(from) == 0;
  }
  if (!renamed) return output_failure(path_);
  temporary_->is_there = false;
  temporary_ = nullptr;
  return {};
}

void remove_unfinished_outputs() {
  for (const UnfinishedOutput* o = all_unfinished; o; o = o->next) {
    if (o->is_there) ::unlink(o->name.c_str());
  }
}

}  // namespace rlx
