#include "runtime/device.h"

#include <fmt/format.h>

#include "runtime/codes.h"
#include "runtime/cpu/device.h"

namespace rlx::runtime {

Result<std::unique_ptr<Device>> device_for(const image::Image& image,
                                           const DeviceOptions& options) {
  if (image.target.starts_with("cuda")) {
    return Error(kWrongDevice,
                 fmt::format("this was compiled for {}, which this rlx cannot run", image.target));
  }
  for (const image::Command& command : image.commands) {
    if (command.device == 0) continue;
    return Error(kUnsupportedCommand,
                 fmt::format("commands on device {} are not supported", command.device));
  }
  return cpu::make_device(options);
}

}  // namespace rlx::runtime
