#include "backend/common/constant_blobs.h"

namespace rlx {
namespace {

constexpr size_t kAlign = 64;

}  // namespace

Status BlobMaker::add(uint32_t buffer, PackedConstant form) {
  const Bytes bytes = form.data.bytes();
  if (bytes.size() >= kOwnBlobBytes) {
    out_.places[buffer] = {form.digest, 0};
    return keep(form.digest, std::move(form.data));
  }
  auto [place, fresh] = pooled_.emplace(form.digest, static_cast<int64_t>(pool_.size()));
  if (fresh) {
    pool_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    pool_.resize((pool_.size() + kAlign - 1) / kAlign * kAlign, '\0');
  }
  out_.places[buffer].offset = place->second;
  pool_buffers_.push_back(buffer);
  return {};
}

Result<ConstantBlobs> BlobMaker::finish() {
  if (!pooled_.empty()) {
    const Digest digest = sha256(bytes_of(pool_));
    for (const uint32_t buffer : pool_buffers_) out_.places[buffer].blob = digest;
    RLX_TRY_VOID(keep(digest, ConstantData::owned(std::move(pool_))));
  }
  return std::move(out_);
}

Status BlobMaker::keep(const Digest& digest, ConstantData data) {
  if (!kept_.insert(digest).second) return {};
  RLX_TRY(ConstantData kept, keep_(digest, std::move(data)));
  out_.blobs.emplace_back(digest, std::move(kept));
  return {};
}

}  // namespace rlx
