#include "runtime/cuda/device.h"

#include <algorithm>

#include "runtime/cuda/kept.h"
#include "runtime/cuda/run.h"

namespace rlx::runtime::cuda {
namespace {

using image::Image;

class CudaModule final : public Module {
 public:
  CudaModule(const Gpu& gpu, const Image& image, const DeviceOptions& options)
      : loaded_(gpu, image) {
    loaded_.check_kernels = options.check_kernels;
    loaded_.check_memory = options.check_memory;
  }

  Status load(const BlobSource& blobs, const CodeKeeper& keeper) {
    const Gpu& gpu = loaded_.gpu;
    RLX_TRY(loaded_.code, LoadedCode::load(gpu, loaded_.image, keeper));
    RLX_TRY(loaded_.constants, LoadedConstants::load(gpu, loaded_.image, blobs));
    loaded_.buffers.emplace(gpu, loaded_.image, loaded_.constants, loaded_.check_memory);
    const size_t traps = loaded_.image.commands.size() * size_t{image::kTrapRoom};
    RLX_TRY(loaded_.traps, gpu.allocate(traps, "what kernels find wrong"));
    loaded_.spare.traps = loaded_.traps.address();
    loaded_.checks = std::ranges::any_of(loaded_.image.kernels,
                                         [](const image::Kernel& k) { return !k.sites.empty(); });
    return {};
  }

  Result<std::unique_ptr<Run>> place(const Vec<int64_t>& symbols) override {
    RLX_TRY(image::Placement placement, image::place(loaded_.image, symbols));
    RLX_TRY(Program program,
            make_program(loaded_.image, placement, symbols, loaded_.told.extents()));
    return make_run(loaded_, std::move(placement), std::move(program));
  }

 private:
  Loaded loaded_;
};

class CudaDevice final : public Device {
 public:
  CudaDevice(std::unique_ptr<Gpu> gpu, const DeviceOptions& options)
      : gpu_(std::move(gpu)), options_(options) {}

  // The host's one thread starts everything.
  DeviceFacts facts() const override { return {.threads = 1, .keeps = true}; }

  Result<std::unique_ptr<Module>> load(const Image& image, const BlobSource& blobs) override {
    RLX_TRY_VOID(gpu_->enter());
    auto module = std::make_unique<CudaModule>(*gpu_, image, options_);
    RLX_TRY_VOID(module->load(blobs, options_.made_code));
    return std::unique_ptr<Module>(std::move(module));
  }

  Result<std::unique_ptr<Kept>> keep(size_t bytes, std::string_view what) override {
    return KeptMemory::make(*gpu_, bytes, what);
  }

  void wake() override {}

 private:
  std::unique_ptr<Gpu> gpu_;
  const DeviceOptions options_;
};

}  // namespace

Result<std::unique_ptr<Device>> make_device(const DeviceOptions& options) {
  RLX_TRY(const Driver* driver, Driver::get());
  return make_device(*driver, options);
}

Result<std::unique_ptr<Device>> make_device(const Driver& driver, const DeviceOptions& options) {
  RLX_TRY(std::unique_ptr<Gpu> gpu, Gpu::open(driver, options.gpu));
  return std::unique_ptr<Device>(std::make_unique<CudaDevice>(std::move(gpu), options));
}

}  // namespace rlx::runtime::cuda
