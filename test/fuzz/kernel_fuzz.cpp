// The text of kernels: what is read and passes the verifier prints and reads back the same.
#include "kernel/kernel.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rlx;
  auto kernels = parse_kernels({reinterpret_cast<const char*>(data), size});
  if (!kernels) return 0;
  for (const Kernel& k : *kernels) {
    if (!verify(k)) return 0;
  }
  auto again = parse_kernels(to_text(*kernels));
  RLX_CHECK(again.ok() && *again == *kernels);
  return 0;
}
