// The readers of .npz and .npy: whatever they accept is written and read back as the same tensors.
#include "runtime/io/npy.h"
#include "runtime/io/npz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rlx;
  Bytes file = std::as_bytes(std::span(data, size));
  auto one = parse_npy(file, "x");
  if (one) {
    std::string again = npy_header(*one);
    again.append(reinterpret_cast<const char*>(one->data.data()), one->data.size());
    RLX_CHECK(*parse_npy(bytes_of(again), "x") == *one);
  }
  auto all = parse_npz(file, "x");
  if (all) RLX_CHECK(*parse_npz(bytes_of(to_npz(*all)), "x") == *all);
  return 0;
}
