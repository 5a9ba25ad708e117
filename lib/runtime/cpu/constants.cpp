#include "runtime/cpu/constants.h"

#include <cstring>
#include <map>

#include "runtime/constant_bytes.h"

namespace rlx::runtime::cpu {
namespace {

bool is_aligned(const std::byte* p) { return reinterpret_cast<uintptr_t>(p) % kAlignment == 0; }

}  // namespace

Result<Constants> Constants::load(const image::Image& image, const BlobSource& blobs) {
  Constants constants;
  std::map<Digest, Blob> seen;
  for (const image::Buffer& buffer : image.buffers) {
    if (buffer.kind != image::Buffer::Kind::kConstant) {
      constants.bytes_.emplace_back();
      continue;
    }
    auto [at, is_new] = seen.try_emplace(buffer.blob);
    if (is_new) {
      RLX_TRY(at->second, blobs(buffer.blob));
      constants.keepers_.push_back(at->second.keeper);
    }
    RLX_TRY_VOID(constants.add(buffer, at->second));
  }
  return constants;
}

Status Constants::add(const image::Buffer& buffer, const Blob& blob) {
  RLX_TRY(Bytes bytes, constant_bytes(buffer, blob.bytes));
  if (!bytes.empty() && !is_aligned(bytes.data())) {
    RLX_TRY(Mapping copy, Mapping::make_filled(bytes.size(), "weights"));
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    bytes = Bytes(copy.data(), bytes.size());
    copies_.push_back(std::move(copy));
  }
  bytes_.push_back(bytes);
  return {};
}

}  // namespace rlx::runtime::cpu
