// Which blobs were read and found to have their digest since the machine booted.
//
// Hashing hundreds of megabytes of weights at each start would cost more than the start. A stamp
// says: in this boot the file with this device, inode, size and times had this digest. It lives in
// stamps/verified-BOOT, a line each, appended; another boot has another file. Lines carry a digest
// of their own, so that a torn one says nothing. Only those that are asked for are looked at: the file has lines of all that
// the cache has read.
#pragma once
#include <sys/stat.h>

#include <map>
#include <mutex>
#include <unordered_map>

#include "cache/folder.h"

namespace rlx::cache {

class Verified {
 public:
  // Reads nothing yet. Without `remember`, what is added is forgotten with the process.
  Verified(const Folder& root, bool remember) : root_(root), remember_(remember) {}

  bool knows(const Digest& digest, const struct stat& file);
  void add(const Digest& digest, const struct stat& file);

 private:
  struct Stamp {
    uint64_t device = 0, inode = 0;
    int64_t size = 0, mtime_ns = 0, ctime_ns = 0;

    bool operator==(const Stamp&) const = default;
  };
  static Stamp stamp_of(const struct stat& file);
  static std::string line_of(const Digest& digest, const Stamp& stamp);
  void load();
  void look_at(const Digest& digest);
  void read_line(std::string_view line);
  void append(const std::string& line) const;

  const Folder& root_;
  bool remember_;
  std::mutex mutex_;
  bool loaded_ = false;
  // What the file held, and where the last line of each digest, in hex, is in it.
  std::string text_;
  std::unordered_map<std::string_view, std::string_view> lines_;
  // Of the digests that were asked for or added.
  std::map<Digest, Stamp> stamps_;
};

}  // namespace rlx::cache
