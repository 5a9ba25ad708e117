#include "runtime/constant_bytes.h"

#include <fmt/format.h>

#include "runtime/codes.h"

namespace rlx::runtime {

Result<Bytes> constant_bytes(const image::Buffer& buffer, Bytes blob) {
  std::optional<int64_t> bytes = evaluate(buffer.bytes, {});
  auto offset = static_cast<uint64_t>(buffer.offset);
  const bool fits = bytes && *bytes >= 0 && offset <= blob.size() &&
                    static_cast<uint64_t>(*bytes) <= blob.size() - offset;
  if (fits) return blob.subspan(offset, *bytes);
  return Error(kDamagedImage,
               fmt::format("a constant lies outside its blob {}", buffer.blob.hex()));
}

}  // namespace rlx::runtime
