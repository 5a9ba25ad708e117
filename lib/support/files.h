// Files: reading, mapping, writing so that nobody sees half a file.
#pragma once
#include <memory>
#include <string>

#include "support/cut_files.h"
#include "support/hash.h"
#include "support/result.h"

namespace rlx {

// What tells one state of a file from another without reading it.
struct FileStamp {
  // Absolute.
  std::string path;
  uint64_t device = 0, inode = 0;
  int64_t size = 0;
  // Nanoseconds since the epoch.
  int64_t mtime_ns = 0, ctime_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

Result<FileStamp> stamp_of(const std::string& path);
// From the root on, its folder without links; `path` itself where the folder is not there.
std::string absolute_path(const std::string& path);

// A whole file mapped read-only and private. An empty file maps to empty bytes. Whoever writes over the
// file meanwhile changes them too, and whoever cuts it leaves zeros: ask check_unchanged() before they
// count for anything.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  Bytes bytes() const { return {data_, size_}; }
  const FileStamp& stamp() const { return stamp_; }
  // That the file is what it was when it was opened. Error 3021.
  Status check_unchanged() const;

 private:
  MappedFile() = default;

  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  FileStamp stamp_;
  MappedRange range_;
};

Result<std::string> read_file(const std::string& path);

// All of an OutputFile at once.
Status write_file(const std::string& path, Bytes data);

// Creates the folder and its parents.
Status make_folders(const std::string& path);

}  // namespace rlx
