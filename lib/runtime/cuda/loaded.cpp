#include "runtime/cuda/loaded.h"

#include <map>
#include <tuple>

#include "runtime/codes.h"
#include "runtime/constant_bytes.h"
#include "runtime/cuda/pin.h"
#include "support/integer.h"

namespace rlx::runtime::cuda {
namespace {

// Where constants begin, as cuMemAlloc's pieces do.
constexpr int64_t kAlignment = 256;

// More than every block has without asking.
Status open_shared_memory(const Gpu& gpu, const LoadedFunction& f) {
  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES.
  constexpr int kMostDynamicBytes = 8;
  constexpr unsigned kUnasked = 48 << 10;
  if (f.shared_bytes <= kUnasked) return {};
  const Driver& driver = gpu.driver();
  return driver.checked("shared memory", driver.set_function(f.handle, kMostDynamicBytes,
                                                             static_cast<int>(f.shared_bytes)));
}

// What is uploaded: bytes of a blob, once.
struct Piece {
  Bytes bytes;
  int64_t offset = 0;
};

}  // namespace

Result<LoadedFunction> load_function(const Gpu& gpu, Library* library,
                                     const image::GpuFunction& function) {
  LoadedFunction f{.threads = static_cast<unsigned>(function.threads),
                   .shared_bytes = static_cast<unsigned>(function.shared_bytes)};
  const char* name = function.name.c_str();
  RLX_TRY_VOID(gpu.driver().checked(name, gpu.driver().function(&f.handle, library, name)));
  RLX_TRY_VOID(open_shared_memory(gpu, f));
  return f;
}

Result<LoadedCode> LoadedCode::load(const Gpu& gpu, const image::Image& image,
                                    const CodeKeeper& keeper) {
  RLX_TRY(const image::GpuCode code, image::gpu_code_of(image));
  LoadedCode loaded;
  if (image.kernels.empty()) return loaded;
  RLX_TRY(loaded.library_, load_code(gpu, code, keeper));
  for (const image::Kernel& kernel : image.kernels) {
    RLX_TRY(const LoadedFunction function,
            load_function(gpu, loaded.library_.get(), code.functions[kernel.entry]));
    loaded.functions_.push_back(function);
  }
  return loaded;
}

Result<LoadedConstants> LoadedConstants::load(const Gpu& gpu, const image::Image& image,
                                              const BlobSource& blobs) {
  LoadedConstants loaded;
  loaded.offsets_.resize(image.buffers.size());
  std::map<Digest, Blob> read;
  std::map<std::tuple<Digest, int64_t, size_t>, Piece> pieces;
  int64_t size = 0;
  for (uint32_t b = 0; b < image.buffers.size(); ++b) {
    const image::Buffer& buffer = image.buffers[b];
    if (buffer.kind != image::Buffer::Kind::kConstant) continue;
    auto [blob, is_new] = read.try_emplace(buffer.blob);
    if (is_new) {
      RLX_TRY(blob->second, blobs(buffer.blob));
    }
    RLX_TRY(const Bytes bytes, constant_bytes(buffer, blob->second.bytes));
    const std::tuple place(buffer.blob, buffer.offset, bytes.size());
    const auto [piece, is_first] = pieces.try_emplace(place, Piece{bytes, size});
    if (is_first) size += round_up(static_cast<int64_t>(bytes.size()), kAlignment);
    loaded.offsets_[b] = static_cast<Address>(piece->second.offset);
  }
  RLX_TRY(loaded.memory_, gpu.allocate(static_cast<size_t>(size), "the weights"));
  Vec<Bytes> mapped;
  for (const auto& [place, piece] : pieces) mapped.push_back(piece.bytes);
  const Vec<Pin> pins = pins_of(gpu, std::move(mapped), true);
  for (const auto& [place, piece] : pieces) {
    RLX_TRY_VOID(gpu.write(loaded.memory_.address() + piece.offset, piece.bytes));
  }
  // Blobs may go when this returns.
  RLX_TRY_VOID(gpu.wait());
  return loaded;
}

}  // namespace rlx::runtime::cuda
