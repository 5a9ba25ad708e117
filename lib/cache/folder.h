// Files below a folder that is held open: never through a link, never half written.
//
// Each step from the root is opened relative to the one before with O_NOFOLLOW, so that nobody who
// swaps names meanwhile leads a reader or a writer out of the cache.
#pragma once
#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "cache/options.h"
#include "support/fd.h"
#include "support/hash.h"
#include "support/result.h"

namespace rlx::cache {

// "cannot write NAME: No space left on device", from errno. Where there is no space left kCannotWrite
// becomes kNoSpace.
Error io_error(int code, std::string_view doing, std::string_view name);
// The same for what lies at that path, so that a refusal can say whose it is and what to do.
Error io_error_at(int code, std::string_view doing, std::string_view name, const std::string& path);

// A regular file open for reading.
struct File {
  Fd fd;
  struct stat stat = {};

  size_t size() const { return static_cast<size_t>(stat.st_size); }
};

// All of an open file; kDamaged where it is longer than limit.
Result<std::string> read_whole(const File& file, const std::string& name, size_t limit);

// Of what statfs calls a file system: files there are read, not mapped, as others may cut them.
bool is_remote_file_system(uint32_t type);

class Folder {
 public:
  Folder() = default;
  // The one way in that may lead over a link.
  static Folder open(const std::string& path);

  // Where a call gives a Folder that is not ok, errno says why.
  bool ok() const { return fd_.ok(); }
  int fd() const { return fd_.get(); }
  // Where it is, for messages.
  std::string path() const;
  // io_error_at for a name in it.
  Error error(int code, std::string_view doing, std::string_view name) const;
  Folder below(const std::string& name) const;
  // Made where it is not there.
  Folder make(const std::string& name) const;

  // kMissing where there is no such name; kDamaged where it is no regular file.
  Result<File> open_file(const std::string& name) const;
  Result<std::string> read(const std::string& name, size_t limit) const;
  // Gone afterwards; false with errno.
  bool remove(const std::string& name) const;
  // What is in it, sorted; nullopt, with errno, where it cannot be read.
  std::optional<Vec<std::string>> list() const;
  // The same; nothing where it cannot be read.
  Vec<std::string> names() const { return list().value_or(Vec<std::string>()); }
  // Into another folder, over what has the name there.
  bool move(const std::string& name, const Folder& to) const;
  // Names made here so far outlive a power loss; false with errno.
  bool sync() const;

 private:
  explicit Folder(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

// A file that nobody sees until it is whole: unnamed (O_TMPFILE), so that even a kill leaves
// nothing; where the file system or a missing /proc forbids that, under a name in `temporary`.
class NewFile {
 public:
  enum class Kind { kUnnamed, kNamed };

  // `root` holds the folder for temporary names, tmp/.
  static Result<NewFile> create(const Folder& folder, const Folder& root, Durability durability,
                                Kind kind = Kind::kUnnamed);
  NewFile(NewFile&&) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  int fd() const { return fd_.get(); }
  // Errors name the file that it is to become.
  Status append(Bytes data, std::string_view name);
  // Makes it read-only and gives it its name. True if the name was free, false if it was not: what
  // has it then stays.
  Result<bool> link(const std::string& name);

 private:
  NewFile(Fd fd, int folder, Durability durability)
      : fd_(std::move(fd)), folder_(folder), durability_(durability) {}
  Result<bool> link_unnamed(const std::string& name);
  Result<bool> link_named(const std::string& name);
  static Result<NewFile> create_named(const Folder& folder, const Folder& root,
                                      Durability durability);

  Fd fd_;
  int folder_;
  Durability durability_;
  // Where it has a name: the open tmp/ and the name in it.
  Folder temporary_;
  std::string temporary_name_;
};

// A small file at once: what it replaces, if anything, is gone first.
Status put_file(const Folder& folder, const Folder& root, const std::string& name, Bytes data,
                Durability durability);

}  // namespace rlx::cache
