#include "support/files.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/fd.h"

namespace rlx {
namespace {

constexpr int kCannotRead = 3001;
constexpr int kCannotWrite = 11001;

Error failure(int code, std::string_view doing, const std::string& path) {
  return Error(code, fmt::format("cannot {} {}: {}", doing, path, std::strerror(errno)));
}

int64_t nanoseconds(const timespec& t) { return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

FileStamp stamp_from(const std::string& path, const struct stat& s) {
  return {.path = path,
          .device = s.st_dev,
          .inode = s.st_ino,
          .size = s.st_size,
          .mtime_ns = nanoseconds(s.st_mtim),
          .ctime_ns = nanoseconds(s.st_ctim)};
}

// A folder opens for reading and then fails in ways that hide the cause: it is refused here.
Result<FileStamp> stamp_of_open(int fd, const std::string& path) {
  struct stat s;
  if (::fstat(fd, &s) != 0) return failure(kCannotRead, "read", path);
  if (!S_ISDIR(s.st_mode)) return stamp_from(path, s);
  errno = EISDIR;
  return failure(kCannotRead, "read", path);
}

// Reads to the end, whatever size the file had at first: pipes have none.
Status read_rest(int fd, const std::string& path, std::string& text) {
  for (size_t size = 0;;) {
    ptrdiff_t got = read_all(fd, std::as_writable_bytes(std::span(text).subspan(size)));
    if (got < 0) return failure(kCannotRead, "read", path);
    size += static_cast<size_t>(got);
    if (size < text.size()) {
      text.resize(size);
      return {};
    }
    text.resize(text.size() + 65536);
  }
}

// The file that a link leads to, so that the link itself stays.
std::string resolved(const std::string& path) {
  char buffer[PATH_MAX];
  return ::realpath(path.c_str(), buffer) ? buffer : path;
}

// Pipes and devices cannot be replaced by a rename.
bool is_special(const std::string& path) {
  struct stat s;
  return ::stat(path.c_str(), &s) == 0 && !S_ISREG(s.st_mode);
}

Status write_special(const std::string& path, Bytes data) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.ok() || !write_all(fd.get(), data)) return failure(kCannotWrite, "write", path);
  return {};
}

// A name beside path that no other process or thread of this machine uses now.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> counter = 0;
  return fmt::format("{}.tmp.{}.{}", path, ::getpid(), counter++);
}

bool write_temporary(const std::string& name, Bytes data) {
  // What a killed process of the same id left is in nobody's use.
  ::unlink(name.c_str());
  Fd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd.ok()) return false;
  if (write_all(fd.get(), data) && fd.close()) return true;
  int cause = errno;
  ::unlink(name.c_str());
  errno = cause;
  return false;
}

}  // namespace

Result<FileStamp> stamp_of(const std::string& path) {
  struct stat s;
  if (::stat(path.c_str(), &s) != 0) return failure(kCannotRead, "find", path);
  return stamp_from(path, s);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return failure(kCannotRead, "open", path);
  RLX_TRY(FileStamp stamp, stamp_of_open(fd.get(), path));
  std::shared_ptr<MappedFile> file(new MappedFile());
  file->stamp_ = std::move(stamp);
  auto size = static_cast<size_t>(file->stamp_.size);
  if (size == 0) return std::shared_ptr<const MappedFile>(file);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return failure(kCannotRead, "map", path);
  file->data_ = static_cast<const std::byte*>(data);
  file->size_ = size;
  return std::shared_ptr<const MappedFile>(file);
}

MappedFile::~MappedFile() {
  if (size_ != 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<std::string> read_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return failure(kCannotRead, "open", path);
  RLX_TRY(FileStamp stamp, stamp_of_open(fd.get(), path));
  // One byte more than the size, so that the read that finds the end needs no growth.
  std::string text(static_cast<size_t>(stamp.size) + 1, '\0');
  RLX_TRY_VOID(read_rest(fd.get(), path, text));
  return text;
}

Status write_file(const std::string& path, Bytes data) {
  if (is_special(path)) return write_special(path, data);
  std::string target = resolved(path);
  std::string temporary = temporary_name(target);
  if (!write_temporary(temporary, data)) return failure(kCannotWrite, "write", path);
  if (::rename(temporary.c_str(), target.c_str()) == 0) return {};
  Error error = failure(kCannotWrite, "write", path);
  ::unlink(temporary.c_str());
  return error;
}

Status make_folders(const std::string& path) {
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    std::string folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), 0777) == 0 || errno == EEXIST) continue;
    // An existing parent in a folder that may not be written reports EROFS or EACCES, not EEXIST.
    struct stat s;
    if (::stat(folder.c_str(), &s) != 0) return failure(kCannotWrite, "make folder", folder);
  }
  struct stat s;
  if (::stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode)) return {};
  errno = ENOTDIR;
  return failure(kCannotWrite, "make folder", path);
}

}  // namespace rlx
