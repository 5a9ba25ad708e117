// What a test of kernels needs of a GPU, through the runtime's own driver.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "support/result.h"

namespace rlx::test {

class Gpu {
 public:
  // The first device, or why there is none.
  static Result<std::unique_ptr<Gpu>> open();
  virtual ~Gpu() = default;

  virtual const std::string& name() const = 0;
  // 80, 90, 100: its compute capability.
  virtual int capability() const = 0;

  // PTX compiled by the driver, until the next load(). Error: what its compiler says.
  virtual Status load(const std::string& ptx) = 0;

  using Address = uint64_t;
  virtual Result<Address> allocate(size_t bytes) = 0;
  virtual Status free(Address a) = 0;
  virtual Status fill(Address a, uint8_t byte, size_t bytes) = 0;
  virtual Status write(Address to, std::span<const std::byte> from) = 0;
  virtual Status read(std::span<std::byte> to, Address from) = 0;

  // Of the module that was loaded last; params are 8 bytes each. Waits for its end.
  virtual Status run(const std::string& function, int64_t blocks, int64_t threads,
                     int64_t shared_bytes, std::span<uint64_t> params) = 0;
  // After a fault in a kernel, nothing works before this; all memory and code are lost.
  virtual Status reset() = 0;
};

}  // namespace rlx::test
