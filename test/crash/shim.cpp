// Preloaded into a tool (LD_PRELOAD), makes one of its file operations below a folder fail, or kills the
// process just before it. A sweep over every operation is what finds the one that was not thought of.
//
//   RLX_SHIM_ROOT=DIR       operations on files below DIR are counted, from 1
//   RLX_SHIM_AT=N           the N-th one is hit
//   RLX_SHIM_DO=kill        SIGKILL before it; or the name of an error that it gives (ENOSPC, EIO, ...);
//                           or "short": a write takes half of its bytes
//   RLX_SHIM_ON=once|from   that one alone (the default), or all from then on
//   RLX_SHIM_COUNT=FILE     at the end, how many there were
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

struct Name {
  const char* text;
  int error;
};
constexpr Name kErrors[] = {{"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EIO", EIO},
                            {"EROFS", EROFS},   {"EACCES", EACCES}, {"EMFILE", EMFILE},
                            {"EINTR", EINTR},   {"ENOMEM", ENOMEM}};

const char* variable(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

struct Plan {
  std::string root = variable("RLX_SHIM_ROOT");
  long at = std::atol(variable("RLX_SHIM_AT"));
  bool kill = std::string_view(variable("RLX_SHIM_DO")) == "kill";
  bool cut = std::string_view(variable("RLX_SHIM_DO")) == "short";
  bool from = std::string_view(variable("RLX_SHIM_ON")) == "from";
  int error = error_of(variable("RLX_SHIM_DO"));

  static int error_of(std::string_view text) {
    for (const Name& name : kErrors) {
      if (text == name.text) return name.error;
    }
    return 0;
  }
};

const Plan& plan() {
  static const Plan* made = new Plan;
  return *made;
}

std::atomic<long> count = 0;

// The call that libc itself, or another preloaded library, has.
template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

std::string path_of(int fd) {
  char link[64], path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = ::readlink(link, path, sizeof path);
  return n > 0 ? std::string(path, static_cast<size_t>(n)) : std::string();
}

bool below_root(const std::string& path) {
  const std::string& root = plan().root;
  return !root.empty() && path.starts_with(root);
}

bool below_root(int folder, const char* path) {
  if (!path) return false;
  if (*path == '/') return below_root(std::string(path));
  char here[PATH_MAX];
  std::string base = folder != AT_FDCWD ? path_of(folder) : ::getcwd(here, sizeof here) ? here : "";
  return below_root(base + '/' + path);
}

enum class Do { kNothing, kError, kCut };

// Counts an operation and says what becomes of it.
Do hit(bool counted) {
  if (!counted) return Do::kNothing;
  const Plan& p = plan();
  long n = ++count;
  if (p.at <= 0 || n < p.at || (n > p.at && !p.from)) return Do::kNothing;
  if (p.kill) ::raise(SIGKILL);
  if (p.cut) return Do::kCut;
  if (p.error == 0) return Do::kNothing;
  errno = p.error;
  return Do::kError;
}

__attribute__((destructor)) void tell_count() {
  const char* path = std::getenv("RLX_SHIM_COUNT");
  if (!path) return;
  int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  char text[32];
  int size = std::snprintf(text, sizeof text, "%ld\n", count.load());
  if (fd >= 0 && ::write(fd, text, static_cast<size_t>(size)) != size) std::perror(path);
  ::close(fd);
}

template <class F, class... Args>
int open_with(const char* name, bool counted, const Args&... args) {
  if (hit(counted) == Do::kError) return -1;
  return next<F>(name)(args...);
}

mode_t mode_of(int flags, va_list list) {
  bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? static_cast<mode_t>(va_arg(list, int)) : 0;
}

}  // namespace

#define RLX_OPEN(NAME)                                                         \
  extern "C" int NAME(const char* path, int flags, ...) {                      \
    va_list list;                                                              \
    va_start(list, flags);                                                     \
    mode_t mode = mode_of(flags, list);                                        \
    va_end(list);                                                              \
    using F = int (*)(const char*, int, mode_t);                               \
    return open_with<F>(#NAME, below_root(AT_FDCWD, path), path, flags, mode); \
  }
RLX_OPEN(open)
RLX_OPEN(open64)

#define RLX_OPENAT(NAME)                                                             \
  extern "C" int NAME(int folder, const char* path, int flags, ...) {                \
    va_list list;                                                                    \
    va_start(list, flags);                                                           \
    mode_t mode = mode_of(flags, list);                                              \
    va_end(list);                                                                    \
    using F = int (*)(int, const char*, int, mode_t);                                \
    return open_with<F>(#NAME, below_root(folder, path), folder, path, flags, mode); \
  }
RLX_OPENAT(openat)
RLX_OPENAT(openat64)

extern "C" ssize_t write(int fd, const void* data, size_t size) {
  using F = ssize_t (*)(int, const void*, size_t);
  Do what = hit(below_root(path_of(fd)));
  if (what == Do::kError) return -1;
  return next<F>("write")(fd, data, what == Do::kCut ? (size + 1) / 2 : size);
}

extern "C" ssize_t writev(int fd, const struct iovec* parts, int count) {
  using F = ssize_t (*)(int, const struct iovec*, int);
  Do what = hit(below_root(path_of(fd)));
  if (what == Do::kError) return -1;
  return next<F>("writev")(fd, parts, what == Do::kCut ? (count + 1) / 2 : count);
}

extern "C" ssize_t read(int fd, void* data, size_t size) {
  using F = ssize_t (*)(int, void*, size_t);
  Do what = hit(below_root(path_of(fd)));
  if (what == Do::kError) return -1;
  return next<F>("read")(fd, data, what == Do::kCut ? (size + 1) / 2 : size);
}

#define RLX_FOPEN(NAME)                                                \
  extern "C" FILE* NAME(const char* path, const char* mode) {          \
    using F = FILE* (*)(const char*, const char*);                     \
    if (hit(below_root(AT_FDCWD, path)) == Do::kError) return nullptr; \
    return next<F>(#NAME)(path, mode);                                 \
  }
RLX_FOPEN(fopen)
RLX_FOPEN(fopen64)

// A call on a descriptor, or on a path below a folder.
#define RLX_FD(NAME, PARAMETERS, ...)                          \
  extern "C" int NAME PARAMETERS {                             \
    using F = int(*) PARAMETERS;                               \
    if (hit(below_root(path_of(fd))) == Do::kError) return -1; \
    return next<F>(#NAME)(__VA_ARGS__);                        \
  }
RLX_FD(fsync, (int fd), fd)
RLX_FD(fdatasync, (int fd), fd)
RLX_FD(syncfs, (int fd), fd)
RLX_FD(fchmod, (int fd, mode_t mode), fd, mode)
RLX_FD(ftruncate, (int fd, off_t size), fd, size)
RLX_FD(futimens, (int fd, const struct timespec* times), fd, times)

#define RLX_PATH(NAME, PARAMETERS, FOLDER, PATH, ...)           \
  extern "C" int NAME PARAMETERS {                              \
    using F = int(*) PARAMETERS;                                \
    if (hit(below_root(FOLDER, PATH)) == Do::kError) return -1; \
    return next<F>(#NAME)(__VA_ARGS__);                         \
  }
RLX_PATH(mkdir, (const char* path, mode_t mode) noexcept, AT_FDCWD, path, path, mode)
RLX_PATH(mkdirat, (int folder, const char* path, mode_t mode) noexcept, folder, path, folder, path,
         mode)
RLX_PATH(unlink, (const char* path) noexcept, AT_FDCWD, path, path)
RLX_PATH(unlinkat, (int folder, const char* path, int flags) noexcept, folder, path, folder, path,
         flags)
RLX_PATH(rename, (const char* from, const char* to) noexcept, AT_FDCWD, to, from, to)
RLX_PATH(renameat, (int from, const char* old_path, int to, const char* path) noexcept, to, path,
         from, old_path, to, path)
RLX_PATH(renameat2,
         (int from, const char* old_path, int to, const char* path, unsigned flags) noexcept, to,
         path, from, old_path, to, path, flags)
RLX_PATH(linkat, (int from, const char* old_path, int to, const char* path, int flags) noexcept, to,
         path, from, old_path, to, path, flags)
RLX_PATH(utimensat,
         (int folder, const char* path, const struct timespec* times, int flags) noexcept, folder,
         path, folder, path, times, flags)

extern "C" void* mmap(void* at, size_t size, int protection, int flags, int fd,
                      off_t offset) noexcept {
  using F = void* (*)(void*, size_t, int, int, int, off_t);
  static F real = next<F>("mmap");
  bool counted = fd >= 0 && below_root(path_of(fd));
  if (hit(counted) == Do::kError) return MAP_FAILED;
  return real(at, size, protection, flags, fd, offset);
}

extern "C" int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  using F = int (*)(int, int, void*);
  bool locks = command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_SETLK ||
               command == F_SETLKW;
  if (hit(locks && below_root(path_of(fd))) == Do::kError) return -1;
  return next<F>("fcntl")(fd, command, argument);
}
