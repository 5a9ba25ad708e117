// The image's constants in memory: where each constant buffer lies.
#pragma once
#include "image/image.h"
#include "runtime/cpu/memory.h"
#include "runtime/device.h"

namespace rlx::runtime::cpu {

class Constants {
 public:
  // Asks for each blob once. Bytes that do not start at a multiple of 64 are copied.
  static Result<Constants> load(const image::Image& image, const BlobSource& blobs);

  // The buffer's bytes; empty for buffers that are no constants.
  Bytes of(uint32_t buffer) const { return bytes_[buffer]; }

 private:
  Status add(const image::Buffer& buffer, const Blob& blob);

  Vec<Bytes> bytes_;
  Vec<std::shared_ptr<const void>> keepers_;
  Vec<Mapping> copies_;
};

}  // namespace rlx::runtime::cpu
