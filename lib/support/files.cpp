#include "support/files.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/codes.h"
#include "support/fd.h"
#include "support/output_file.h"

namespace rlx {
namespace {

Error failure(int code, std::string_view doing, const std::string& path) {
  return Error(code, fmt::format("cannot {} {}: {}", doing, path, std::strerror(errno)));
}

int64_t nanoseconds(const timespec& t) { return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

FileStamp stamp_from(const std::string& path, const struct stat& s) {
  return {.path = absolute_path(path),
          .device = s.st_dev,
          .inode = s.st_ino,
          .size = s.st_size,
          .mtime_ns = nanoseconds(s.st_mtim),
          .ctime_ns = nanoseconds(s.st_ctim)};
}

// A folder opens for reading and then fails in ways that hide the cause: it is refused here.
Result<FileStamp> stamp_of_open(int fd, const std::string& path) {
  struct stat s;
  if (::fstat(fd, &s) != 0) return failure(kCannotReadFile, "read", path);
  if (!S_ISDIR(s.st_mode)) return stamp_from(path, s);
  errno = EISDIR;
  return failure(kCannotReadFile, "read", path);
}

// Reads to the end, whatever size the file had at first: pipes have none.
Status read_rest(int fd, const std::string& path, std::string& text) {
  for (size_t size = 0;;) {
    const ptrdiff_t got = read_all(fd, std::as_writable_bytes(std::span(text).subspan(size)));
    if (got < 0) return failure(kCannotReadFile, "read", path);
    size += static_cast<size_t>(got);
    if (size < text.size()) {
      text.resize(size);
      return {};
    }
    text.resize(text.size() + 65536);
  }
}

}  // namespace

std::string absolute_path(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  char buffer[PATH_MAX];
  if (!::realpath(folder.c_str(), buffer)) return path;
  std::string whole = buffer;
  if (!whole.ends_with('/')) whole += '/';
  return whole + path.substr(slash == std::string::npos ? 0 : slash + 1);
}

Result<FileStamp> stamp_of(const std::string& path) {
  struct stat s;
  if (::stat(path.c_str(), &s) != 0) return failure(kCannotReadFile, "find", path);
  return stamp_from(path, s);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return failure(kCannotReadFile, "open", path);
  RLX_TRY(FileStamp stamp, stamp_of_open(fd.get(), path));
  const std::shared_ptr<MappedFile> file(new MappedFile());
  file->stamp_ = std::move(stamp);
  auto size = static_cast<size_t>(file->stamp_.size);
  if (size == 0) return std::shared_ptr<const MappedFile>(file);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return failure(kCannotReadFile, "map", path);
  file->data_ = static_cast<const std::byte*>(data);
  file->size_ = size;
  file->range_ = MappedRange(file->bytes(), MappedRange::IfCut::kZeros);
  return std::shared_ptr<const MappedFile>(file);
}

Status MappedFile::check_unchanged() const {
  auto now = stamp_of(stamp_.path);
  if (!range_.was_cut() && now && *now == stamp_) return {};
  return Error(kFileChanged, stamp_.path + " changed while it was read", "run it again");
}

MappedFile::~MappedFile() {
  range_ = {};
  if (size_ != 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<std::string> read_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return failure(kCannotReadFile, "open", path);
  RLX_TRY(const FileStamp stamp, stamp_of_open(fd.get(), path));
  // One byte more than the size, so that the read that finds the end needs no growth.
  std::string text(static_cast<size_t>(stamp.size) + 1, '\0');
  RLX_TRY_VOID(read_rest(fd.get(), path, text));
  return text;
}

Status write_file(const std::string& path, Bytes data) {
  RLX_TRY(OutputFile file, OutputFile::create(path));
  RLX_TRY_VOID(file.append(data));
  return file.finish();
}

Status make_folders(const std::string& path) {
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), 0777) == 0 || errno == EEXIST) continue;
    // An existing parent in a folder that may not be written reports EROFS or EACCES, not EEXIST.
    struct stat s;
    if (::stat(folder.c_str(), &s) != 0) return failure(kCannotWriteFile, "make folder", folder);
  }
  struct stat s;
  if (::stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode)) return {};
  errno = ENOTDIR;
  return failure(kCannotWriteFile, "make folder", path);
}

}  // namespace rlx
