#include "runtime/device.h"

#include <fmt/format.h>

#include "runtime/codes.h"
#include "runtime/cpu/device.h"
#include "runtime/cuda/device.h"

namespace rlx::runtime {

Result<std::unique_ptr<Device>> device_for(const image::Image& image,
                                           const DeviceOptions& options) {
  for (const image::Command& command : image.commands) {
    if (command.device == 0) continue;
    return Error(kUnsupportedCommand,
                 fmt::format("commands on device {} are not supported", command.device));
  }
  if (image.target.starts_with("cuda:")) return cuda::make_device(options);
  const bool is_cpu = image.target.empty() || image.target.starts_with("cpu:");
  if (is_cpu) return cpu::make_device(options);
  return Error(kWrongDevice,
               fmt::format("this was compiled for {}, which this rlx cannot run", image.target));
}

Error no_such_gpu(int number, size_t count) {
  return Error(kNoGpu,
               fmt::format("there is no device cuda:{}: this machine has {}", number, count),
               "rlx-run devices lists them");
}

Result<Vec<GpuFacts>> gpus() { return cuda::list_gpus(); }

}  // namespace rlx::runtime
