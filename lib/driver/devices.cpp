#include "driver/devices.h"

#include <charconv>

#include <fmt/format.h>

#include "driver/codes.h"
#include "support/memory.h"
#include "target/target.h"

namespace rlx::driver {
namespace {

constexpr std::string_view kCuda = "cuda";

Error bad_device(std::string_view what) {
  return Error(kBadDevice, fmt::format("--device={}", what), "cpu, cuda or cuda:NUMBER");
}

// Of "cuda" and "cuda:N".
Result<int> gpu_number(std::string_view device) {
  if (device == kCuda) return 0;
  const std::string_view digits = device.substr(kCuda.size() + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
  if (error == std::errc() && end == digits.end() && number >= 0) return number;
  return bad_device(device);
}

// PTX of one architecture runs on all that are newer, its machine code on those of its generation.
std::string target_of(const runtime::GpuFacts& gpu) {
  if (gpu.major >= 10) return "cuda:sm_100";
  return gpu.major >= 9 ? "cuda:sm_90" : "cuda:sm_80";
}

}  // namespace

Result<DeviceChoice> device_choice(std::string_view device, const std::string& target) {
  const bool is_gpu = device == kCuda || device.starts_with("cuda:");
  if (device.empty()) return DeviceChoice{.target = target};
  if (!is_gpu && device != "cpu") return bad_device(device);
  const bool wants_gpu = target.starts_with("cuda:");
  if (target != "host" && wants_gpu != is_gpu) {
    return bad_device(fmt::format("{} does not run code for --target={}", device, target));
  }
  if (!is_gpu) return DeviceChoice{.target = target};
  RLX_TRY(const int number, gpu_number(device));
  if (wants_gpu) return DeviceChoice{target, number};
  RLX_TRY(const Vec<runtime::GpuFacts> all, runtime::gpus());
  if (static_cast<size_t>(number) < all.size()) {
    return DeviceChoice{target_of(all[static_cast<size_t>(number)]), number};
  }
  return runtime::no_such_gpu(number, all.size());
}

Vec<DeviceLine> devices() {
  Vec<DeviceLine> lines;
  const auto host = parse_target("host");
  lines.push_back({.name = "cpu", .target = host ? host->text : "", .product = "this machine"});
  const auto all = runtime::gpus();
  if (!all) {
    lines.push_back({.name = "cuda", .missing = all.error().first().message});
    return lines;
  }
  for (size_t i = 0; i < all->size(); ++i) {
    const runtime::GpuFacts& gpu = (*all)[i];
    lines.push_back({.name = fmt::format("cuda:{}", i),
                     .target = target_of(gpu),
                     .product = fmt::format("{}, compute {}.{}", gpu.name, gpu.major, gpu.minor),
                     .memory_bytes = gpu.bytes});
  }
  return lines;
}

std::string to_text(const DeviceLine& line) {
  if (!line.missing.empty()) return fmt::format("{:8} none: {}\n", line.name, line.missing);
  std::string text = fmt::format("{:8} {}  --target={}", line.name, line.product, line.target);
  if (line.memory_bytes != 0) text += "  " + memory_text(line.memory_bytes);
  return text + "\n";
}

void write_json(JsonWriter& out, const DeviceLine& line) {
  out.begin_object();
  out.member("device", line.name);
  if (!line.missing.empty()) {
    out.member("missing", line.missing);
  } else {
    out.member("target", line.target);
    out.member("product", line.product);
    out.member("memory_bytes", uint64_t{line.memory_bytes});
  }
  out.end_object();
}

}  // namespace rlx::driver
