#include "image/gpu_code.h"

#include "image/codec.h"
#include "image/codes.h"

namespace rlx::image {
namespace {

// What every GPU can start.
constexpr int64_t kMostThreads = 1024;
// What the largest of them has.
constexpr int64_t kMostShared = 227 << 10;

Error bad_code(const std::string& what) {
  return Error(kDamaged, "the code for a GPU is damaged: " + what);
}

}  // namespace

std::string encode(const GpuCode& code) {
  Writer writer;
  writer.put(code);
  return writer.take();
}

Result<GpuCode> gpu_code_of(const Image& image) {
  Reader reader(bytes_of(image.code));
  GpuCode code;
  reader.take(code);
  if (reader.failed() || !reader.at_end()) return bad_code("it ends elsewhere than it says");
  for (const GpuFunction& f : code.functions) {
    if (f.threads < 1 || f.threads > kMostThreads) return bad_code(f.name + " has no threads");
    if (f.shared_bytes < 0 || f.shared_bytes > kMostShared) {
      return bad_code(f.name + " has too much shared memory");
    }
  }
  for (const Kernel& k : image.kernels) {
    if (k.entry >= code.functions.size()) return bad_code(k.name + " has no function");
  }
  return code;
}

}  // namespace rlx::image
