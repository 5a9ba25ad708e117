// The devices of this machine, by the words of --device.
#pragma once
#include "runtime/device.h"
#include "support/json.h"

namespace rlx::driver {

struct DeviceChoice {
  // What to compile for.
  std::string target;
  // Which GPU; 0 where it is none.
  int gpu = 0;
};

// `device` is "cpu", "cuda" or "cuda:N"; empty: whatever the target says. `target` "host" is what the device needs.
// Errors 2023 where they contradict each other or the device has another form; 7104, 7105.
Result<DeviceChoice> device_choice(std::string_view device, const std::string& target);

// What runs a machine's code: a line of `rlx-run devices`.
struct DeviceLine {
  // "cpu", "cuda:0".
  std::string name;
  // "cuda:sm_90".
  std::string target;
  // What it is called, and what it has.
  std::string product;
  size_t memory_bytes = 0;
  // Why there is none of its kind; else empty.
  std::string missing;
};
Vec<DeviceLine> devices();

std::string to_text(const DeviceLine& line);
void write_json(JsonWriter& out, const DeviceLine& line);

}  // namespace rlx::driver
