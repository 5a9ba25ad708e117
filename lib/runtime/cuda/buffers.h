// Where an image's buffers lie on a GPU.
#pragma once
#include <map>
#include <optional>

#include "runtime/cuda/guarded.h"
#include "runtime/cuda/loaded.h"

namespace rlx::runtime::cuda {

class Buffers {
 public:
  // Checked, each buffer has memory of its own with guards around it, but for constants, what is given room in a run, and
  // what lies in somebody else's.
  Buffers(const Gpu& gpu, const image::Image& image, const LoadedConstants& constants,
          bool is_checked);

  // Memory for what lies between the kernels of this placement, and what its buffers hold before the first run.
  Status enter(const image::Placement& placement);
  // Memory of its own for a buffer, at least so many bytes, which begin with what it holds.
  Status make_room(uint32_t buffer, int64_t bytes);
  // For buffers that a command sizes, whose sizes and offsets the placement has now, but for outputs. `bytes`: of the
  // command's memory.
  Status enter_told(const image::Placement& placement, uint32_t command,
                    const Vec<uint32_t>& buffers, int64_t bytes);
  // Memory of its own for an input or output.
  Status enter_own(uint32_t buffer, const image::Placement& placement);
  // Or somebody else's.
  void lie_at(uint32_t buffer, Address address) { addresses_[buffer] = address; }

  // What an earlier run has left must not be what this one reads.
  Status begin_run() const;
  // Whose guards somebody has written to.
  Result<std::optional<uint32_t>> damaged() const;

  Address address_of(uint32_t buffer) const { return addresses_[buffer]; }
  const Vec<Address>& addresses() const { return addresses_; }

 private:
  using Kind = image::Buffer::Kind;

  Status place(uint32_t b, const image::Placement& placement);
  // In memory of its own.
  Status guard(uint32_t b, const image::Placement& placement);
  Status place_at(uint32_t b, Address address, const image::Placement& placement);

  const Gpu& gpu_;
  const image::Image& image_;
  const bool is_checked_;
  // By buffer, the first one of a slot.
  std::map<uint32_t, GuardedMemory> guarded_;
  DeviceMemory arena_;
  // By buffer: of inputs and outputs.
  std::map<uint32_t, DeviceMemory> own_;
  // By command that tells.
  std::map<uint32_t, DeviceMemory> told_;
  // By buffer that is given room.
  std::map<uint32_t, DeviceMemory> rooms_;
  Vec<Address> addresses_;
};

}  // namespace rlx::runtime::cuda
