#include "runtime/cuda/loaded.h"

#include <map>
#include <tuple>

#include "runtime/codes.h"
#include "runtime/constant_bytes.h"
#include "support/integer.h"

namespace rlx::runtime::cuda {
namespace {

// Where constants begin, as cuMemAlloc's pieces do.
constexpr int64_t kAlignment = 256;

// `code` is a cubin, or PTX that ends with a 0. Null and an error, with what the driver's compiler has to say.
Result<Library*> load_library(const Gpu& gpu, const std::string& code) {
  // CU_JIT_ERROR_LOG_BUFFER and its size.
  int names[] = {5, 6};
  std::string log(16 << 10, '\0');
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a number in the place of a pointer is how the driver takes it.
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size())};
  Library* library = nullptr;
  const Driver& driver = gpu.driver();
  const Status loaded =
      driver.checked("loading code", driver.load_module(&library, code.c_str(), 2, names, values));
  if (loaded) return library;
  log.resize(log.find('\0'));
  const Diagnostic& said = loaded.error().first();
  return Error(said.code, said.message + (log.empty() ? "" : ": " + log),
               "a newer driver, or --target=host");
}

Result<Library*> load_library(const Gpu& gpu, const image::GpuCode& code) {
  if (!code.cubin.empty()) {
    // One for another architecture, or by a newer toolkit than the driver's.
    if (auto library = load_library(gpu, code.cubin)) return library;
  }
  return load_library(gpu, code.ptx);
}

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

Result<LoadedCode> LoadedCode::load(const Gpu& gpu, const image::Image& image) {
  RLX_TRY(const image::GpuCode code, image::gpu_code_of(image));
  LoadedCode loaded;
  if (image.kernels.empty()) return loaded;
  RLX_TRY(Library * library, load_library(gpu, code));
  loaded.library_ = std::unique_ptr<Library, Unload>(library, Unload{&gpu});
  for (const image::Kernel& kernel : image.kernels) {
    const image::GpuFunction& f = code.functions[kernel.entry];
    LoadedFunction function{.threads = static_cast<unsigned>(f.threads),
                            .shared_bytes = static_cast<unsigned>(f.shared_bytes)};
    RLX_TRY_VOID(gpu.driver().checked(
        f.name.c_str(), gpu.driver().function(&function.handle, library, f.name.c_str())));
    RLX_TRY_VOID(open_shared_memory(gpu, function));
    loaded.functions_.push_back(function);
  }
  return loaded;
}

void Unload::operator()(Library* library) const {
  if (gpu->enter()) gpu->driver().unload_module(library);
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
  for (const auto& [place, piece] : pieces) {
    RLX_TRY_VOID(gpu.write(loaded.memory_.address() + piece.offset, piece.bytes));
  }
  // Blobs may go when this returns.
  RLX_TRY_VOID(gpu.wait());
  return loaded;
}

}  // namespace rlx::runtime::cuda
