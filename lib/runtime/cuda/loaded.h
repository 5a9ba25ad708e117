// An image on a GPU: its functions, and its constants in one piece of memory.
#pragma once
#include "image/gpu_code.h"
#include "runtime/cuda/library.h"
#include "runtime/device.h"

namespace rlx::runtime::cuda {

// How the driver starts a kernel.
struct LoadedFunction {
  Function* handle = nullptr;
  unsigned threads = 1;
  unsigned shared_bytes = 0;
};

// Of a library, ready to be started.
Result<LoadedFunction> load_function(const Gpu& gpu, Library* library,
                                     const image::GpuFunction& function);

class LoadedCode {
 public:
  // Machine code where the image has it and the driver takes it, else what the driver makes of its PTX, which is kept and
  // found again. Errors 7106 with what its compiler says.
  static Result<LoadedCode> load(const Gpu& gpu, const image::Image& image,
                                 const CodeKeeper& keeper);
  // By kernel of the image.
  const LoadedFunction& function(uint32_t kernel) const { return functions_[kernel]; }

 private:
  LoadedLibrary library_;
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
