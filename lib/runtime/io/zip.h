// Zip archives as .npz files are: stored or deflated entries, zip64 where it is needed.
#pragma once
#include <string>
#include <string_view>

#include "support/hash.h"
#include "support/result.h"

namespace rlx {

struct ZipEntry {
  std::string name;
  // As it lies in the archive.
  Bytes packed;
  bool deflated = false;
  uint64_t size = 0;
  uint32_t crc = 0;
};

// The directory of an archive; `path` stands in messages.
Result<Vec<ZipEntry>> list_zip(Bytes file, const std::string& path);
// The entry's bytes, their checksum verified: a view of `packed` where it is stored, else of `space`,
// which takes them.
Result<Bytes> unpack(const ZipEntry& entry, const std::string& path, std::string& space);

// Builds an archive of stored entries. The same entries give the same bytes: no time stands in it.
class ZipWriter {
 public:
  // The parts follow one another in the entry.
  void add(std::string_view name, std::initializer_list<Bytes> parts);
  // The whole archive; nothing may be added after.
  std::string finish();

 private:
  struct Written {
    std::string name;
    uint64_t size = 0, offset = 0;
    uint32_t crc = 0;
  };
  void add_directory_entry(const Written& w);
  void add_end(uint64_t directory);

  std::string out_;
  Vec<Written> entries_;
};

}  // namespace rlx
