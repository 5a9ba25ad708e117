// This machine's cores as a device: a pool of threads that walk an image's commands over memory of this
// process. Inputs are read and outputs written where the caller has them. A run is over when submit() returns.
#pragma once
#include "runtime/cpu/function_table.h"
#include "runtime/device.h"

namespace rlx::runtime::cpu {

// Tests give functions, one a kernel, that run in place of the image's code; they outlive the device.
std::unique_ptr<Device> make_device(const DeviceOptions& options,
                                    const FunctionTable* functions = nullptr);

}  // namespace rlx::runtime::cpu
