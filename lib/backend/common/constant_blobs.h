// Constants as blobs of the store. Those under 64 KiB share one, in the buffers' order; each other one is its
// own. A start opens few files.
#pragma once
#include <set>

#include "lir/lir.h"

namespace rlx {

// A constant of so many bytes has a blob of its own.
inline constexpr size_t kOwnBlobBytes = 64 << 10;

// Where the bytes of a constant buffer are: at `offset` of a blob of the store.
struct ConstantPlace {
  Digest blob;
  int64_t offset = 0;
};

// Blobs, and the place of each constant buffer in them.
struct ConstantBlobs {
  Vec<std::pair<Digest, ConstantData>> blobs;
  std::map<uint32_t, ConstantPlace> places;
};

// Takes a blob as soon as it is made and gives what is to be kept of it: the same bytes, in memory or
// somewhere else.
using KeepBlob = std::function<Result<ConstantData>(const Digest&, ConstantData)>;

// Makes the blobs while the constants come, one after the other: no more of them is in memory than `keep`
// leaves there.
class BlobMaker {
 public:
  explicit BlobMaker(KeepBlob keep) : keep_(std::move(keep)) {}

  // In the buffers' order.
  Status add(uint32_t buffer, PackedConstant form);
  // Once, after the last.
  Result<ConstantBlobs> finish();

 private:
  Status keep(const Digest& digest, ConstantData data);

  KeepBlob keep_;
  ConstantBlobs out_;
  std::set<Digest> kept_;
  // What shares a blob: its bytes, the place of each form in them, and whose forms they are.
  std::string pool_;
  std::map<Digest, int64_t> pooled_;
  Vec<uint32_t> pool_buffers_;
};

}  // namespace rlx
