// An image on a GPU: its functions, and its constants in one piece of memory.
#pragma once
#include "image/gpu_code.h"
#include "runtime/cuda/gpu.h"
#include "runtime/device.h"

namespace rlx::runtime::cuda {

// How the driver starts a kernel.
struct LoadedFunction {
  Function* handle = nullptr;
  unsigned threads = 1;
};

class LoadedCode {
 public:
  // Machine code where the image has it and the driver takes it, else what the driver makes of its PTX. Errors 7106 with
  // what its compiler says.
  static Result<LoadedCode> load(const Gpu& gpu, const image::Image& image);
  ~LoadedCode();
  LoadedCode() = default;
  LoadedCode(LoadedCode&& other) noexcept { swap(other); }
  LoadedCode& operator=(LoadedCode&& other) noexcept {
    swap(other);
    return *this;
  }

  // By kernel of the image.
  const LoadedFunction& function(uint32_t kernel) const { return functions_[kernel]; }

 private:
  void swap(LoadedCode& other) noexcept {
    std::swap(gpu_, other.gpu_);
    std::swap(library_, other.library_);
    std::swap(functions_, other.functions_);
  }

  const Gpu* gpu_ = nullptr;
  Library* library_ = nullptr;
  Vec<LoadedFunction> functions_;
};

class LoadedConstants {
 public:
  static Result<LoadedConstants> load(const Gpu& gpu, const image::Image& image,
                                      const BlobSource& blobs);

  // Of a constant buffer.
  Address of(uint32_t buffer) const { return memory_.address() + offsets_[buffer]; }

 private:
  DeviceMemory memory_;
  // By buffer; 0 of others.
  Vec<Address> offsets_;
};

}  // namespace rlx::runtime::cuda
