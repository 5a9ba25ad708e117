// Code on a GPU, and how PTX becomes machine code.
#pragma once
#include <memory>

#include "image/gpu_code.h"
#include "runtime/cuda/gpu.h"
#include "runtime/device.h"

namespace rlx::runtime::cuda {

struct Unload {
  const Gpu* gpu = nullptr;
  void operator()(Library* library) const;
};
using LoadedLibrary = std::unique_ptr<Library, Unload>;

// A cubin, or PTX. Error 7106 with what the driver's compiler says.
Result<LoadedLibrary> load_library(const Gpu& gpu, const std::string& code);
// The cubin that the driver makes of PTX, for this GPU. The same error.
Result<std::string> machine_code_of(const Gpu& gpu, const std::string& ptx);
// The image's own machine code, else what was made of its PTX before, else what is made of it now, and kept. What the driver
// does not take of these is passed over.
Result<LoadedLibrary> load_code(const Gpu& gpu, const image::GpuCode& code,
                                const CodeKeeper& keeper);

}  // namespace rlx::runtime::cuda
