// Bazel's ActionResult, as far as a cache of files needs it: paths, digests and sizes.
// Field numbers are those of build.bazel.remote.execution.v2.
#pragma once
#include "support/digest.h"
#include "support/result.h"

namespace rlx::cache {

struct OutputFile {
  std::string path;
  Digest digest;
  int64_t size = 0;

  bool operator==(const OutputFile&) const = default;
};

std::string action_result_text(const Vec<OutputFile>& files);
// kDamaged where the bytes are no ActionResult, or name a file without a SHA-256.
Result<Vec<OutputFile>> parse_action_result(std::string_view bytes);

}  // namespace rlx::cache
