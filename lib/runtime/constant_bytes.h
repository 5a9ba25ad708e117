// Where a constant's bytes lie.
#pragma once
#include "image/image.h"

namespace rlx::runtime {

// Of a constant buffer, in its blob; error 8103 where they lie outside.
Result<Bytes> constant_bytes(const image::Buffer& buffer, Bytes blob);

}  // namespace rlx::runtime
