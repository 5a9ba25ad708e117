#include "runtime/cuda/kept.h"

namespace rlx::runtime::cuda {

Result<std::unique_ptr<Kept>> KeptMemory::make(const Gpu& gpu, size_t bytes,
                                               std::string_view what) {
  RLX_TRY_VOID(gpu.enter());
  RLX_TRY(DeviceMemory memory, gpu.allocate(bytes, what));
  RLX_TRY_VOID(gpu.fill(memory.address(), bytes, "\xff"));
  return std::unique_ptr<Kept>(std::make_unique<KeptMemory>(gpu, std::move(memory), bytes));
}

Status KeptMemory::write(Bytes from) {
  RLX_TRY_VOID(gpu_.enter());
  RLX_TRY_VOID(gpu_.write(address(), from));
  return gpu_.wait();
}

Status KeptMemory::read(std::span<std::byte> to) const {
  RLX_TRY_VOID(gpu_.enter());
  RLX_TRY_VOID(gpu_.read(to, address()));
  return gpu_.wait();
}

// The other one may be freed before they are copied: the driver waits for that.
Status KeptMemory::take_rows(const Kept& from, const Rows& rows, size_t to_step) {
  RLX_TRY_VOID(gpu_.enter());
  return gpu_.copy_rows({address(), to_step}, {address_of(from), rows.step}, rows.count,
                        rows.bytes);
}

}  // namespace rlx::runtime::cuda
