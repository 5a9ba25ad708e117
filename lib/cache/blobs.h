// Blobs: immutable files named by their SHA-256, cas/sha256/ab/<64 hex digits>.
#pragma once
#include <memory>
#include <mutex>
#include <set>

#include "cache/entry.h"
#include "cache/verified.h"

namespace rlx::cache {

// A blob's bytes, alive as long as a copy of this is; page-aligned but for those in a model's file.
class BlobBytes {
 public:
  BlobBytes(std::shared_ptr<const void> owner, Bytes bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  Bytes bytes() const { return bytes_; }

 private:
  std::shared_ptr<const void> owner_;
  Bytes bytes_;
};

class Blobs {
 public:
  Blobs(const Folder& root, const Options& options);

  // Digested as Options::verify says; images and what may change beneath a mapping are read into
  // memory, the rest is mapped. kMissing, kDamaged or kCannotRead where the blob must be made
  // again.
  Result<BlobBytes> read(const BlobRef& blob);
  // Whether a file of that name and size is there.
  bool contains(const Digest& digest, int64_t size) const;
  // Stores data, unless it is there. The digest is taken from the very bytes that are written:
  // kChanged where it is not `digest`.
  Status put(const Digest& digest, Bytes data);
  // That the blob is there, and young enough for a collector to leave it until its entry is
  // visible.
  Status keep(const BlobRef& blob);
  // Makes all blobs put so far outlive a power loss.
  Status sync();

 private:
  Folder shard(const Digest& digest) const;
  Folder make_shard(const Digest& digest) const;
  Result<File> open(const BlobRef& blob) const;
  Error without_folder(const BlobRef& blob) const;
  bool must_digest(const BlobRef& blob, const File& file);
  bool may_map(const BlobRef& blob, const File& file) const;
  Status check_whole(const BlobRef& blob);
  Error set_aside(const BlobRef& blob, const File& file, const std::string& why);
  Result<bool> write(const Folder& folder, const Digest& digest, Bytes data);
  Status sync_blob(const Digest& digest) const;

  const Folder& root_;
  const Options& options_;
  // Mappings of files on a server fault when the file there goes away.
  bool local_;
  Verified verified_;
  std::mutex mutex_;
  std::set<Digest> unsynced_;
};

}  // namespace rlx::cache
