// Puts an image together: the plan's buffers and groups, and the backend's code.
#pragma once
#include "backend/common/code.h"
#include "lir/lir.h"

namespace rlx {

// Where the bytes of a constant buffer are: at `offset` of a blob of the store.
struct ConstantPlace {
  Digest blob;
  int64_t offset = 0;
};

// Blobs to store, and the place of each constant buffer in them.
struct ConstantBlobs {
  Vec<std::pair<Digest, ConstantData>> blobs;
  std::map<uint32_t, ConstantPlace> places;
};

// Constants under 64 KiB share one blob, in the buffers' order; each other one is its own. A start opens few
// files. `packed` holds each constant buffer's digest and bytes.
ConstantBlobs pool_constants(const std::map<uint32_t, PackedConstant>& packed);

Result<image::Image> build_image(const Lir& lir, const Vec<PlannedKernel>& kernels, Code code);

// The order of the `symbols` argument of every kernel.
Vec<std::string> symbol_names(const Graph& g);

}  // namespace rlx
