// One GPU: what it is, its memory, and the stream in whose order everything is done.
#pragma once
#include <memory>
#include <span>

#include "runtime/cuda/driver.h"

namespace rlx::runtime::cuda {

class Gpu;

// Bytes on a GPU; freed with this. The GPU outlives it.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(const Gpu& gpu, Address address, size_t size)
      : gpu_(&gpu), address_(address), size_(size) {}
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    swap(other);
    return *this;
  }

  // 0 where there is none; else a multiple of 256.
  Address address() const { return address_; }
  size_t size() const { return size_; }

 private:
  void swap(DeviceMemory& other) noexcept {
    std::swap(gpu_, other.gpu_);
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
  }

  const Gpu* gpu_ = nullptr;
  Address address_ = 0;
  size_t size_ = 0;
};

// Memory of the host that the GPU reads and writes by itself; freed with this. The GPU outlives it.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  PinnedMemory(const Gpu& gpu, std::byte* data, size_t size)
      : gpu_(&gpu), data_(data), size_(size) {}
  ~PinnedMemory();
  PinnedMemory(PinnedMemory&& other) noexcept { swap(other); }
  PinnedMemory& operator=(PinnedMemory&& other) noexcept {
    swap(other);
    return *this;
  }

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void swap(PinnedMemory& other) noexcept {
    std::swap(gpu_, other.gpu_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  const Gpu* gpu_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

class Gpu {
 public:
  // By number; its context is this thread's from here on. Errors 7105, 7106.
  static Result<std::unique_ptr<Gpu>> open(const Driver& driver, int number);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  const Driver& driver() const { return driver_; }
  Stream* stream() const { return stream_; }
  Context* context() const { return context_; }
  // 0 where the driver does not know the attribute.
  int attribute(int which) const;

  // Whatever thread calls works on this GPU.
  Status enter() const;
  // Error 11102 says what `what` needs and how much is free.
  Result<DeviceMemory> allocate(size_t bytes, std::string_view what) const;
  Result<PinnedMemory> allocate_pinned(size_t bytes) const;

  // In the order of the stream. The host's bytes stay until wait().
  Status write(Address to, std::span<const std::byte> from) const;
  Status read(std::span<std::byte> to, Address from) const;
  Status copy(Address to, Address from, size_t bytes) const;
  // So many rows of `bytes`, one every `step` bytes at either end.
  struct Rows {
    Address at = 0;
    size_t step = 0;
  };
  Status copy_rows(Rows to, Rows from, size_t count, size_t bytes) const;
  Status fill(Address to, size_t bytes, std::string_view pattern) const;
  Status wait() const;

 private:
  Gpu(const Driver& driver, int device) : driver_(driver), device_(device) {}
  Status begin();

  const Driver& driver_;
  int device_ = 0;
  Context* context_ = nullptr;
  Stream* stream_ = nullptr;
};

}  // namespace rlx::runtime::cuda
