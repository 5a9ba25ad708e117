// Runs images on an NVIDIA GPU. LLVM-free, and without anything of CUDA until a device is made.
//
// Weights go up once; buffers lie where image::place() puts them, in memory that grows and stays. A run copies its inputs to
// the device, starts the kernels, in one graph where nothing chooses between them, and copies its outputs back. The host
// decides what an if or a loop runs next.
#pragma once
#include "runtime/cuda/driver.h"
#include "runtime/device.h"

namespace rlx::runtime::cuda {

// Errors 7104, 7106.
Result<Vec<GpuFacts>> list_gpus();
// Errors 7104, 7105, 7106.
Result<std::unique_ptr<Device>> make_device(const DeviceOptions& options);
// By a driver that is open already.
Result<std::unique_ptr<Device>> make_device(const Driver& driver, const DeviceOptions& options);

}  // namespace rlx::runtime::cuda
