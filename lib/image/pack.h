// The placement of some buffers in one stretch of memory: what place() and place_told() share.
#pragma once
#include "image/image.h"

namespace rlx::image {

// Above what any machine maps, and far from overflow.
inline constexpr int64_t kMaxArena = int64_t{1} << 46;

// -1: there is none, and need not be: the buffer lives in a block that cannot run, or a symbol is untold. Else an
// error 5xxx.
Result<int64_t> bytes_of(const Image& image, const Buffer& buffer, const Vec<int64_t>& symbols);

// Gives these buffers offsets from `base` on, by the sizes that `placement` has; the bytes that they need.
int64_t pack_buffers(const Image& image, const Vec<uint32_t>& buffers, int64_t base,
                     Placement& placement);

}  // namespace rlx::image
