#include "runtime/cuda/gpu.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/codes.h"
#include "runtime/cuda/device.h"
#include "support/codes.h"
#include "support/memory.h"

namespace rlx::runtime::cuda {
namespace {

// CU_STREAM_NON_BLOCKING.
constexpr unsigned kOwnOrder = 1;
// The pattern is repeated in a piece of this size on the host, and the piece on the device.
constexpr size_t kPiece = size_t{1} << 20;

bool is_one_byte(std::string_view pattern) {
  return pattern.find_first_not_of(pattern[0]) == std::string_view::npos;
}

// CUdevice_attribute: of the compute capability.
constexpr int kMajor = 75, kMinor = 76;

Result<GpuFacts> facts_of(const Driver& driver, int number) {
  int device = 0;
  GpuFacts facts;
  RLX_TRY_VOID(driver.checked("cuDeviceGet", driver.device(&device, number)));
  char name[256] = {};
  RLX_TRY_VOID(driver.checked("cuDeviceGetName", driver.device_name(name, sizeof name, device)));
  facts.name = name;
  RLX_TRY_VOID(driver.checked("cuDeviceGetAttribute",
                              driver.device_attribute(&facts.major, kMajor, device)));
  RLX_TRY_VOID(driver.checked("cuDeviceGetAttribute",
                              driver.device_attribute(&facts.minor, kMinor, device)));
  RLX_TRY_VOID(driver.checked("cuDeviceTotalMem", driver.device_memory(&facts.bytes, device)));
  return facts;
}

}  // namespace

Result<Vec<GpuFacts>> list_gpus() {
  RLX_TRY(const Driver* driver, Driver::get());
  int count = 0;
  RLX_TRY_VOID(driver->checked("cuDeviceGetCount", driver->device_count(&count)));
  Vec<GpuFacts> all;
  for (int number = 0; number < count; ++number) {
    RLX_TRY(GpuFacts facts, facts_of(*driver, number));
    all.push_back(std::move(facts));
  }
  return all;
}

DeviceMemory::~DeviceMemory() {
  if (address_ == 0 || !gpu_->enter()) return;
  gpu_->driver().free(address_);
}

PinnedMemory::~PinnedMemory() {
  if (data_ == nullptr || !gpu_->enter()) return;
  gpu_->driver().free_pinned(data_);
}

Result<std::unique_ptr<Gpu>> Gpu::open(const Driver& driver, int number) {
  int count = 0, device = 0;
  RLX_TRY_VOID(driver.checked("cuDeviceGetCount", driver.device_count(&count)));
  if (number >= count) return no_such_gpu(number, static_cast<size_t>(count));
  RLX_TRY_VOID(driver.checked("cuDeviceGet", driver.device(&device, number)));
  std::unique_ptr<Gpu> gpu(new Gpu(driver, device));
  RLX_TRY_VOID(gpu->begin());
  return gpu;
}

Status Gpu::begin() {
  RLX_TRY_VOID(
      driver_.checked("cuDevicePrimaryCtxRetain", driver_.retain_context(&context_, device_)));
  RLX_TRY_VOID(enter());
  return driver_.checked("cuStreamCreate", driver_.create_stream(&stream_, kOwnOrder));
}

Gpu::~Gpu() {
  if (context_ == nullptr || !enter()) return;
  if (stream_ != nullptr) driver_.destroy_stream(stream_);
  driver_.release_context(device_);
}

Status Gpu::enter() const {
  return driver_.checked("cuCtxSetCurrent", driver_.set_context(context_));
}

int Gpu::attribute(int which) const {
  int value = 0;
  return driver_.device_attribute(&value, which, device_) == 0 ? value : 0;
}

Result<PinnedMemory> Gpu::allocate_pinned(size_t bytes) const {
  void* data = nullptr;
  if (bytes == 0) return PinnedMemory();
  RLX_TRY_VOID(driver_.checked("cuMemHostAlloc", driver_.allocate_pinned(&data, bytes, 0)));
  return PinnedMemory(*this, static_cast<std::byte*>(data), bytes);
}

Result<DeviceMemory> Gpu::allocate(size_t bytes, std::string_view what) const {
  Address address = 0;
  if (bytes == 0) return DeviceMemory();
  const Status made = driver_.checked("cuMemAlloc", driver_.allocate(&address, bytes));
  if (made) return DeviceMemory(*this, address, bytes);
  if (made.error().first().code != kOutOfMemory) return Error(made.error());
  size_t free = 0, all = 0;
  driver_.memory_info(&free, &all);
  return Error(kOutOfMemory,
               fmt::format("{} needs {} of the GPU's memory; {} of {} are free", what,
                           memory_text(bytes), memory_text(free), memory_text(all)),
               "smaller dims, --precision=bf16, or another device");
}

Status Gpu::write(Address to, std::span<const std::byte> from) const {
  if (from.empty()) return {};
  return driver_.checked("copying to the GPU",
                         driver_.copy_to_device(to, from.data(), from.size(), stream_));
}

Status Gpu::read(std::span<std::byte> to, Address from) const {
  if (to.empty()) return {};
  return driver_.checked("copying from the GPU",
                         driver_.copy_to_host(to.data(), from, to.size(), stream_));
}

Status Gpu::copy(Address to, Address from, size_t bytes) const {
  if (bytes == 0) return {};
  return driver_.checked("copying on the GPU", driver_.copy_on_device(to, from, bytes, stream_));
}

Status Gpu::copy_rows(Rows to, Rows from, size_t count, size_t bytes) const {
  if (count == 0 || bytes == 0) return {};
  const Copy2d copy{.from = {.device = from.at, .pitch = from.step},
                    .to = {.device = to.at, .pitch = to.step},
                    .width = bytes,
                    .height = count};
  return driver_.checked("copying on the GPU", driver_.copy_rows(&copy, stream_));
}

Status Gpu::fill(Address to, size_t bytes, std::string_view pattern) const {
  if (bytes == 0) return {};
  if (is_one_byte(pattern)) {
    return driver_.checked(
        "filling", driver_.set_bytes(to, static_cast<unsigned char>(pattern[0]), bytes, stream_));
  }
  std::string piece;
  while (piece.size() < std::min(bytes, kPiece)) piece += pattern;
  const size_t step = piece.size();
  for (size_t at = 0; at < bytes; at += step) {
    const size_t size = std::min(step, bytes - at);
    RLX_TRY_VOID(write(to + at, std::as_bytes(std::span(piece.data(), size))));
  }
  // The piece is gone when this returns.
  return wait();
}

Status Gpu::wait() const {
  return driver_.checked("running on the GPU", driver_.wait_for_stream(stream_));
}

}  // namespace rlx::runtime::cuda
