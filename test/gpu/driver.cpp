#include "test/gpu/driver.h"

#include "runtime/cuda/device.h"
#include "runtime/cuda/work.h"

namespace rlx::test {

namespace {

namespace gpu_runtime = runtime::cuda;

class FirstGpu final : public Gpu {
 public:
  explicit FirstGpu(const gpu_runtime::Driver& driver) : driver_(driver) {}

  Status open_device() {
    RLX_TRY(const Vec<runtime::GpuFacts> all, gpu_runtime::list_gpus());
    RLX_TRY(gpu_, gpu_runtime::Gpu::open(driver_, 0));
    name_ = all[0].name;
    capability_ = all[0].major * 10 + all[0].minor;
    return {};
  }

  const std::string& name() const override { return name_; }
  int capability() const override { return capability_; }

  Status load(const std::string& ptx) override {
    library_ = {};
    RLX_TRY(library_, gpu_runtime::load_library(*gpu_, ptx));
    return {};
  }

  Result<Address> allocate(size_t bytes) override {
    Address a = 0;
    RLX_TRY_VOID(driver_.checked("cuMemAlloc", driver_.allocate(&a, bytes == 0 ? 1 : bytes)));
    return a;
  }

  Status free(Address a) override { return driver_.checked("cuMemFree", driver_.free(a)); }

  Status fill(Address a, uint8_t byte, size_t bytes) override {
    const auto pattern = static_cast<char>(byte);
    return gpu_->fill(a, bytes, {&pattern, 1});
  }

  Status write(Address to, std::span<const std::byte> from) override {
    RLX_TRY_VOID(gpu_->write(to, from));
    return gpu_->wait();
  }

  Status read(std::span<std::byte> to, Address from) override {
    RLX_TRY_VOID(gpu_->read(to, from));
    return gpu_->wait();
  }

  Status run(const std::string& function, int64_t blocks, int64_t threads, int64_t shared_bytes,
             std::span<uint64_t> params) override {
    RLX_TRY(const gpu_runtime::LoadedFunction f,
            gpu_runtime::load_function(*gpu_, library_.get(), {function, threads, shared_bytes}));
    const gpu_runtime::Works works{
        {{.function = &f, .blocks = static_cast<unsigned>(blocks), .count = params.size()}},
        {params.begin(), params.end()}};
    RLX_TRY_VOID(gpu_runtime::start(*gpu_, works, works.all[0]));
    return gpu_->wait();
  }

  Status reset() override {
    library_ = {};
    gpu_.reset();
    RLX_TRY_VOID(driver_.checked("cuDevicePrimaryCtxReset", driver_.reset_context(0)));
    return open_device();
  }

 private:
  const gpu_runtime::Driver& driver_;
  std::unique_ptr<gpu_runtime::Gpu> gpu_;
  gpu_runtime::LoadedLibrary library_;
  std::string name_;
  int capability_ = 0;
};

}  // namespace

Result<std::unique_ptr<Gpu>> Gpu::open() {
  RLX_TRY(const gpu_runtime::Driver* driver, gpu_runtime::Driver::get());
  auto gpu = std::make_unique<FirstGpu>(*driver);
  RLX_TRY_VOID(gpu->open_device());
  return std::unique_ptr<Gpu>(std::move(gpu));
}

}  // namespace rlx::test
