#include "cache/root.h"

#include <cerrno>
#include <climits>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "cache/codes.h"
#include "cache/signature.h"
#include "support/files.h"
#include "support/json.h"

namespace rlx::cache {
namespace {

constexpr mode_t kRootMode = 0700;
constexpr const char* kTagName = "CACHEDIR.TAG";
constexpr std::string_view kTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is a cache made by rlx; backups may leave it out "
    "(https://bford.info/cachedir/).\n";
constexpr const char* kFormatName = "rlx-cache.json";
constexpr std::string_view kRootFormat = "{\"format\": 1, \"mode\": \"private\"}\n";
constexpr const char* kLockName = "lock";

bool writable_by_others(const struct stat& s) {
  // The group of root, and the one that a user has alone (by custom of the user's own number), add nobody.
  const bool group = (s.st_mode & S_IWGRP) != 0 && s.st_gid != ::geteuid() && s.st_gid != 0;
  return group || (s.st_mode & S_IWOTH) != 0;
}

Error unsafe(const std::string& folder, std::string_view why, std::string_view hint) {
  return Error(kUnsafe, fmt::format("unsafe cache folder: {} {}", folder, why),
               fmt::format("{}, choose another RLX_CACHE_DIR, or list it in "
                           "~/.config/rlx/trusted_dirs and sign entries",
                           hint));
}

Status check_owner(const std::string& folder, const struct stat& s) {
  if (s.st_uid == 0 || s.st_uid == ::geteuid()) return {};
  return unsafe(folder, fmt::format("belongs to user {}", s.st_uid), "run as that user");
}

Status check_folder(const std::string& folder, bool is_root) {
  struct stat s;
  if (::stat(folder.c_str(), &s) != 0) {
    return io_error_at(kUnusableRoot, "open cache folder", folder, folder);
  }
  RLX_TRY_VOID(check_owner(folder, s));
  const bool sticky = !is_root && s.st_uid == 0 && (s.st_mode & S_ISVTX) != 0;
  if (sticky || !writable_by_others(s)) return {};
  return unsafe(folder, "is writable by others", "run `chmod go-w " + folder + "`");
}

// Whoever may rename one of the parents can put another folder in place of the root.
Status check_safe(const std::string& path) {
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    RLX_TRY_VOID(check_folder(path.substr(0, end), false));
  }
  return check_folder(path, true);
}

// Whether a line of the user's trusted_dirs is the folder, or one above it.
bool is_trusted(const std::string& path) {
  auto text = read_file(config_folder() + "/trusted_dirs");
  if (!text) return false;
  for (std::string_view rest = *text; !rest.empty();) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    while (line.size() > 1 && line.ends_with('/')) line.remove_suffix(1);
    if (!line.starts_with('/') || !path.starts_with(line)) continue;
    if (path.size() == line.size() || path[line.size()] == '/') return true;
  }
  return false;
}

// The path without links; empty, with errno, where it is not there.
std::string real_path(const std::string& path) {
  char buffer[PATH_MAX];
  return ::realpath(path.c_str(), buffer) ? buffer : std::string();
}

Status make_root(const std::string& path) {
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), kRootMode) == 0 || errno == EEXIST) continue;
    const int cause = errno;
    struct stat s;
    if (::stat(folder.c_str(), &s) == 0) continue;
    errno = cause;
    return io_error_at(kUnusableRoot, "make cache folder", folder, folder);
  }
  return {};
}

// A folder that says another format is somebody else's; one that says nothing is new, and one whose
// words were torn by a power loss is ours to mark again.
Status check_root_format(const Folder& root, const std::string& path) {
  auto text = root.read(kFormatName, 4096);
  if (!text || *text == kRootFormat) return {};
  auto json = Json::parse(*text);
  if (!json || !JsonReader(*json, kFormatName).integer("format")) return {};
  return Error(kForeign, path + " is a cache of another format",
               "keep it for the rlx that made it, and choose another RLX_CACHE_DIR");
}

// Left out where the file system is read-only: entries can be read all the same.
void write_marks(const Folder& root, Durability durability) {
  for (auto [name, text] : {std::pair(kTagName, kTag), std::pair(kFormatName, kRootFormat)}) {
    auto there = root.read(name, text.size());
    if (there && *there == text) continue;
    if (!put_file(root, root, name, bytes_of(text), durability)) return;
  }
  struct stat s;
  const mode_t mode = ::fstat(root.fd(), &s) == 0 ? s.st_mode & 0666 : 0600;
  const Fd lock(::openat(root.fd(), kLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode));
  // Past the umask; not ours to change where another user made it.
  if (lock.ok()) ::fchmod(lock.get(), mode);
}

}  // namespace

Result<Root> open_root(const Options& options) {
  if (options.root.empty()) {
    return Error(kUnusableRoot,
                 "none of RLX_CACHE_DIR, XDG_CACHE_HOME and HOME says where the cache is",
                 "--cache-dir=DIR, or RLX_CACHE_DIR=DIR");
  }
  const bool may_write = options.mode == Mode::kReadWrite || options.mode == Mode::kRefresh;
  std::string path = real_path(options.root);
  if (path.empty() && !may_write) return Root();
  if (path.empty()) {
    RLX_TRY_VOID(make_root(options.root));
    path = real_path(options.root);
  }
  if (path.empty()) {
    return io_error_at(kUnusableRoot, "open cache folder", options.root, options.root);
  }
  Status safe = check_safe(path);
  const bool shared = !safe && safe.error().first().code == kUnsafe && is_trusted(path);
  if (!safe && !shared) return std::move(safe.error());
  Folder root = Folder::open(path);
  if (!root.ok()) return io_error_at(kUnusableRoot, "open cache folder", path, path);
  RLX_TRY_VOID(check_root_format(root, path));
  if (may_write) write_marks(root, options.durability);
  return Root{std::move(root), shared};
}

}  // namespace rlx::cache
