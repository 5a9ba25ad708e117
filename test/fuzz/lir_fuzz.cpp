// An entry's LIR: what is read and passes the verifier prints and reads back the same.
#include "lir/lir.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rlx;
  auto lir = lir_from_json({reinterpret_cast<const char*>(data), size}, {});
  if (!lir || !verify(*lir)) return 0;
  std::string text = to_json(*lir);
  auto again = lir_from_json(text, {});
  RLX_CHECK(again.ok() && to_json(*again) == text);
  return 0;
}
