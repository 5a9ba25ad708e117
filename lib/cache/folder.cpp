#include "cache/folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include "cache/codes.h"

namespace rlx::cache {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0444;
// Others may read what is in a folder that they may read, and write nothing.
constexpr mode_t kModeBits = 02775;

// O_NONBLOCK: a FIFO in place of a file must not hang us before fstat finds it out.
constexpr int kFileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

std::string user_text(uid_t uid) { return uid == 0 ? "root" : fmt::format("user {}", uid); }

std::string proc_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

// A name that a process of another host or container on the same folder does not choose either.
std::string random_name() {
  uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = static_cast<uint64_t>(::getpid());
  return fmt::format("{:016x}", bits);
}

// Renames without replacing; where the file system cannot, replaces: both files have the same name,
// hence the same meaning.
bool rename_new(int from, const char* old_name, int to, const char* new_name) {
  if (::renameat2(from, old_name, to, new_name, RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  return ::renameat(from, old_name, to, new_name) == 0;
}

}  // namespace

Error io_error(int code, std::string_view doing, std::string_view name) {
  const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  return Error(code == kCannotWrite && full ? kNoSpace : code,
               fmt::format("cannot {} {}: {}", doing, name, std::strerror(errno)));
}

Error io_error_at(int code, std::string_view doing, std::string_view name,
                  const std::string& path) {
  if (errno != EACCES && errno != EPERM) return io_error(code, doing, name);
  std::string at = path;
  struct stat s;
  // What may not even be looked at is in a folder that may not be entered.
  while (::stat(at.c_str(), &s) != 0 && at.size() > 1) {
    at.resize(std::max<size_t>(at.find_last_of('/'), 1));
  }
  return Error(code,
               fmt::format("cannot {} {}: permission denied ({} belongs to {}, you are {})", doing,
                           name, at, user_text(s.st_uid), user_text(::geteuid())),
               code == kCannotWrite ? "another RLX_CACHE_DIR, or run as its owner"
                                    : "its owner can run `chmod -R a+rX` on the cache, or take "
                                      "another RLX_CACHE_DIR");
}

std::string Folder::path() const {
  char text[PATH_MAX];
  const ssize_t size = ::readlink(proc_path(fd()).c_str(), text, sizeof text);
  return size < 0 ? std::string() : std::string(text, static_cast<size_t>(size));
}

Error Folder::error(int code, std::string_view doing, std::string_view name) const {
  const int cause = errno;
  const std::string whole = path() + "/" + std::string(name);
  errno = cause;
  return io_error_at(code, doing, name, whole);
}

Folder Folder::open(const std::string& path) {
  return Folder(Fd(::open(path.c_str(), kFolderFlags)));
}

Folder Folder::below(const std::string& name) const {
  // errno is that of whoever failed to open this one.
  if (!ok()) return {};
  return Folder(Fd(::openat(fd(), name.c_str(), kFolderFlags | O_NOFOLLOW)));
}

Folder Folder::make(const std::string& name) const {
  if (!ok()) return {};
  Folder there = below(name);
  if (there.ok() || errno != ENOENT) return there;
  // As open as the folder that it is in: private, or shared with a group.
  struct stat s;
  const mode_t mode = ::fstat(fd(), &s) == 0 ? s.st_mode & kModeBits : kFolderMode;
  if (::mkdirat(fd(), name.c_str(), mode) != 0 && errno != EEXIST) return there;
  there = below(name);
  if (there.ok() && mode != kFolderMode) ::fchmod(there.fd(), mode);
  return there;
}

Result<File> Folder::open_file(const std::string& name) const {
  File file{.fd = Fd(::openat(fd(), name.c_str(), kFileFlags))};
  if (!file.fd.ok() && errno == ENOENT) return Error(kMissing, name + " is missing");
  if (!file.fd.ok() && errno == ELOOP) return Error(kDamaged, name + " is a symbolic link");
  if (!file.fd.ok()) return error(kCannotRead, "open", name);
  if (::fstat(file.fd.get(), &file.stat) != 0) return io_error(kCannotRead, "read", name);
  if (!S_ISREG(file.stat.st_mode)) return Error(kDamaged, name + " is not a regular file");
  return file;
}

Result<std::string> read_whole(const File& file, const std::string& name, size_t limit) {
  if (file.size() > limit) {
    return Error(kDamaged, fmt::format("{} is damaged: {} bytes long", name, file.size()));
  }
  std::string text(file.size(), '\0');
  const ptrdiff_t got = read_all(file.fd.get(), std::as_writable_bytes(std::span(text)));
  if (got < 0) return io_error(kCannotRead, "read", name);
  text.resize(static_cast<size_t>(got));
  return text;
}

Result<std::string> Folder::read(const std::string& name, size_t limit) const {
  RLX_TRY(const File file, open_file(name));
  return read_whole(file, name, limit);
}

bool Folder::remove(const std::string& name) const {
  return ::unlinkat(fd(), name.c_str(), 0) == 0 || errno == ENOENT;
}

std::optional<Vec<std::string>> Folder::list() const {
  // Of its own position, for whoever else lists the same folder.
  const int fd_of_list = ::openat(fd(), ".", kFolderFlags);
  DIR* dir = fd_of_list < 0 ? nullptr : ::fdopendir(fd_of_list);
  if (!dir) {
    if (fd_of_list >= 0) ::close(fd_of_list);
    return std::nullopt;
  }
  Vec<std::string> names;
  errno = 0;
  while (const dirent* item = ::readdir(dir)) {
    const std::string_view name = item->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int problem = errno;
  ::closedir(dir);
  errno = problem;
  if (problem != 0) return std::nullopt;
  std::sort(names.begin(), names.end());
  return names;
}

bool Folder::move(const std::string& name, const Folder& to) const {
  return ::renameat(fd(), name.c_str(), to.fd(), name.c_str()) == 0;
}

bool Folder::sync() const { return ::fsync(fd()) == 0; }

Result<NewFile> NewFile::create(const Folder& folder, const Folder& root, Durability durability,
                                Kind kind) {
  if (kind == Kind::kUnnamed) {
    Fd fd(::openat(folder.fd(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, kFileMode));
    if (fd.ok() && ::access(proc_path(fd.get()).c_str(), F_OK) == 0) {
      return NewFile(std::move(fd), folder.fd(), durability);
    }
  }
  return create_named(folder, root, durability);
}

Result<NewFile> NewFile::create_named(const Folder& folder, const Folder& root,
                                      Durability durability) {
  Folder temporary = root.make("tmp");
  if (!temporary.ok()) return root.error(kCannotWrite, "make", "tmp");
  std::string name = random_name();
  Fd fd(::openat(temporary.fd(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!fd.ok()) return root.error(kCannotWrite, "make", "tmp/" + name);
  NewFile file(std::move(fd), folder.fd(), durability);
  file.temporary_ = std::move(temporary);
  file.temporary_name_ = std::move(name);
  return file;
}

NewFile::~NewFile() {
  if (temporary_.ok()) temporary_.remove(temporary_name_);
}

Status NewFile::append(Bytes data, std::string_view name) {
  if (write_all(fd(), data)) return {};
  return io_error(kCannotWrite, "write", name);
}

Result<bool> NewFile::link(const std::string& name) {
  // The mode at creation went through the umask.
  if (::fchmod(fd(), kFileMode) != 0) return io_error(kCannotWrite, "write", name);
  if (durability_ != Durability::kFast && ::fdatasync(fd()) != 0) {
    return io_error(kCannotWrite, "write", name);
  }
  return temporary_.ok() ? link_named(name) : link_unnamed(name);
}

Result<bool> NewFile::link_unnamed(const std::string& name) {
  const std::string path = proc_path(fd());
  if (::linkat(AT_FDCWD, path.c_str(), folder_, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
  if (errno == EEXIST) return false;
  return io_error(kCannotWrite, "link", name);
}

Result<bool> NewFile::link_named(const std::string& name) {
  if (rename_new(temporary_.fd(), temporary_name_.c_str(), folder_, name.c_str())) return true;
  if (errno == EEXIST) return false;
  return io_error(kCannotWrite, "rename", name);
}

Status put_file(const Folder& folder, const Folder& root, const std::string& name, Bytes data,
                Durability durability) {
  RLX_TRY(NewFile file, NewFile::create(folder, root, durability));
  RLX_TRY_VOID(file.append(data, name));
  if (!folder.remove(name)) return folder.error(kCannotWrite, "replace", name);
  RLX_TRY(const bool linked, file.link(name));
  // Whoever took the name meanwhile wrote a file of the same meaning.
  (void)linked;
  return {};
}

bool is_remote_file_system(uint32_t type) {
  // NFS, CIFS, SMB2, FUSE, 9P and Ceph.
  constexpr std::array<uint32_t, 6> kRemote{0x6969,     0xFF534D42, 0xFE534D42,
                                            0x65735546, 0x01021997, 0x00C36400};
  return std::find(kRemote.begin(), kRemote.end(), type) != kRemote.end();
}

}  // namespace rlx::cache
